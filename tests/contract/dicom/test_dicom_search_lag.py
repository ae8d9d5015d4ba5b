"""What is stored or deleted is seen by retrieval at once, and by search only a while later."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from tests.contract.dicom.files import ct_series
from tests.contract.dicom.stores import DicomStore, path_of

SEARCH = "https://cloud.google.com/healthcare-api/docs/dicom#search_transaction"
DELETION = "https://cloud.google.com/healthcare-api/docs/dicom#deletion"
_HOUR_SECONDS = 3600
_PATIENCE_SECONDS = 30.0


@pytest.fixture(scope="module")
def own_cloud(
    start_cloud: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    with start_cloud(tmp_path_factory.mktemp("late")) as running:
        yield running


@pytest.fixture
def late(own_cloud: Any) -> Iterator[Any]:
    """A cloud whose searches are an hour behind."""
    own_cloud.admin("PATCH", "behaviour", {"index_lag_seconds": _HOUR_SECONDS})
    yield own_cloud
    own_cloud.admin("DELETE", "behaviour")


@pytest.fixture
def store(own_cloud: Any) -> DicomStore:
    return DicomStore.create(own_cloud.healthcare)


def set_lag(cloud: Any, seconds: float) -> None:
    cloud.admin("PATCH", "behaviour", {"index_lag_seconds": seconds})


def listed(store: DicomStore, path: str = "/instances") -> int:
    return len(store.get(path).json())


@pytest.mark.rule("dicom.search.lag.store", SEARCH)
def test_a_stored_instance_is_retrieved_at_once_and_found_later(
    late: Any, store: DicomStore
) -> None:
    dataset = ct_series(1)[0]
    store.put(dataset)
    assert store.get(f"{path_of(dataset)}/metadata").status_code == 200
    assert store.get(path_of(dataset, 1)).status_code == 200
    for path in ("/studies", "/series", "/instances", f"{path_of(dataset, 1)}/instances"):
        assert listed(store, path) == 0, path
    set_lag(late, 0)
    for path in ("/studies", "/series", "/instances", f"{path_of(dataset, 1)}/instances"):
        assert listed(store, path) == 1, path


@pytest.mark.rule("dicom.search.lag.delete", DELETION)
def test_a_deleted_instance_is_found_for_a_while_though_it_is_gone(
    late: Any, store: DicomStore
) -> None:
    first, second = ct_series(2)
    set_lag(late, 0)
    store.put(first, second)
    # Further back than this test's files the search would know nothing at all.
    set_lag(late, 0.5)
    wait_until(lambda: listed(store) == 2)
    assert requests.delete(store.url + path_of(first), timeout=30).status_code == 200
    assert listed(store) == 2
    assert store.get(f"{path_of(first)}/metadata").status_code == 404
    wait_until(lambda: listed(store) == 1)
    assert store.get("/instances").json()[0]["00080018"]["Value"] == [second.SOPInstanceUID]


@pytest.mark.rule("dicom.search.lag.length", SEARCH)
def test_the_lag_is_as_long_as_it_is_set_to(late: Any, store: DicomStore) -> None:
    set_lag(late, 0.6)
    store.put(ct_series(1)[0])
    answered = time.monotonic()
    wait_until(lambda: listed(store) == 1)
    assert time.monotonic() - answered > 0.3


@pytest.mark.rule("dicom.search.lag.replaced", DELETION)
def test_an_instance_deleted_and_stored_again_is_never_found_twice(
    late: Any, store: DicomStore
) -> None:
    dataset = ct_series(1)[0]
    set_lag(late, 0)
    store.put(dataset)
    set_lag(late, 0.4)
    wait_until(lambda: listed(store) == 1)
    assert requests.delete(store.url + path_of(dataset), timeout=30).status_code == 200
    dataset.StudyDescription = "REPLACED"
    store.put(dataset)
    seen = set()
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while "REPLACED" not in seen and time.monotonic() < deadline:
        found = store.get("/instances", includefield="StudyDescription").json()
        assert len(found) <= 1
        seen |= {item["00081030"]["Value"][0] for item in found}
    assert seen == {"CHEST", "REPLACED"}


@pytest.mark.rule("dicom.search.lag.metrics", SEARCH)
def test_metrics_do_not_lag(late: Any, store: DicomStore) -> None:
    dataset = ct_series(1)[0]
    store.put(dataset)
    study = f"{store.name}/dicomWeb{path_of(dataset, 1)}"
    metrics = store.stores.dicomWeb().studies().getStudyMetrics(study=study).execute()
    assert metrics["instanceCount"] == "1"


@pytest.mark.rule("dicom.search.lag.restart", SEARCH)
def test_the_lag_goes_on_over_a_restart(start_cloud: Callable[..., Any], tmp_path: Path) -> None:
    option = f"--set=index_lag_seconds={_HOUR_SECONDS}"
    with start_cloud(tmp_path, option) as running:
        store = DicomStore.create(running.healthcare)
        store.put(ct_series(1)[0])
        running.process.kill()
        running.process.wait()
    with start_cloud(tmp_path, option) as running:
        store = DicomStore(running.healthcare, store.name, store.datasets)
        assert listed(store) == 0
        set_lag(running, 0)
        assert listed(store) == 1


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
