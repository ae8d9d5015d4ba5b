"""The switch that makes the cloud as unkind as Google's, or answer at once."""

from __future__ import annotations

import time
import urllib.error
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.api_core.exceptions import TooManyRequests
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError
from tests.contract.conftest import PROJECT, RunningCloud, StartCloud

_STORE = f"projects/{PROJECT}/locations/us-central1/datasets/none/dicomStores/none"


@pytest.fixture(scope="module")
def unkind(
    tmp_path_factory: pytest.TempPathFactory, start_cloud: StartCloud
) -> Iterator[RunningCloud]:
    """A cloud of this module alone, as Google's is by default."""
    with start_cloud(tmp_path_factory.mktemp("unkind"), "--behaviour=google") as running:
        yield running


@pytest.fixture(autouse=True)
def as_started(unkind: RunningCloud) -> Iterator[None]:
    yield
    unkind.admin("DELETE", "behaviour")


def _get_store(cloud: RunningCloud) -> int:
    """Return the HTTP status of asking for a store that does not exist."""
    healthcare = build(
        "healthcare",
        "v1",
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": cloud.healthcare},
        static_discovery=True,
    )
    stores = healthcare.projects().locations().datasets().dicomStores()
    with pytest.raises(HttpError) as raised:
        stores.get(name=_STORE).execute()
    return int(raised.value.status_code)


def test_google_is_the_default(unkind: RunningCloud) -> None:
    behaviour = unkind.admin("GET", "behaviour")
    assert behaviour["index_lag_seconds"] == 2.0
    assert behaviour["operation_seconds"] == 60.0


@pytest.mark.rule(
    "healthcare.missing.forbidden", "https://cloud.google.com/healthcare-api/docs/troubleshooting"
)
def test_a_missing_store_looks_forbidden(unkind: RunningCloud) -> None:
    assert _get_store(unkind) == 403


def test_a_missing_store_is_missing_when_told_so(unkind: RunningCloud) -> None:
    unkind.admin("PATCH", "behaviour", {"forbid_missing": "nothing"})
    assert _get_store(unkind) == 404


@pytest.mark.rule("localcloud.quota", "https://cloud.google.com/healthcare-api/quotas")
def test_calls_beyond_a_quota_answer_429(unkind: RunningCloud) -> None:
    unkind.admin("PATCH", "behaviour", {"requests_per_minute": {"storage.buckets.*": 3}})
    client = storage.Client(
        project=PROJECT,
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": unkind.storage},
    )
    for _ in range(3):
        list(client.list_buckets(retry=None))
    with pytest.raises(TooManyRequests):
        list(client.list_buckets(retry=None))


def test_latency_is_added_to_the_methods_named(unkind: RunningCloud) -> None:
    unkind.admin("PATCH", "behaviour", {"latency_seconds": {"healthcare.*.dicomStores.get": 0.5}})
    started = time.monotonic()
    _get_store(unkind)
    assert time.monotonic() - started >= 0.5


@pytest.mark.parametrize(
    "setting",
    [
        {"index_lag": 1},
        {"index_lag_seconds": -1},
        {"index_lag_seconds": "2"},
        {"operation_seconds": 1e9},
        {"forbid_missing": "all"},
        {"contention": 1},
        {"requests_per_minute": {"*": 0}},
        {"latency_seconds": 0.1},
    ],
)
def test_a_behaviour_that_cannot_be_is_refused(
    unkind: RunningCloud, setting: dict[str, object]
) -> None:
    before = unkind.admin("GET", "behaviour")
    with pytest.raises(urllib.error.HTTPError) as refused:
        unkind.admin("PATCH", "behaviour", setting)
    assert refused.value.code == 400
    assert unkind.admin("GET", "behaviour") == before


def test_settings_on_the_command_line(tmp_path: Path, start_cloud: StartCloud) -> None:
    with start_cloud(tmp_path, "--set", "index_lag_seconds=0.5") as running:
        assert running.admin("GET", "behaviour")["index_lag_seconds"] == 0.5
