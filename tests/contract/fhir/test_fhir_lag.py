"""Searches that are late, as Google's are: what sees a write at once and what does not."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.contract.fhir.fhir_client import (
    FHIR_METHODS,
    SYSTEM,
    FhirClient,
    entry,
    observation,
    patient,
    refer,
    unique,
)

METHOD = f"{FHIR_METHODS}/search"
_LONG_SECONDS = 600
_SHORT_SECONDS = 0.4
_TIMEOUT_SECONDS = 30.0


@pytest.fixture(scope="module")
def late(
    start_cloud: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    """A cloud whose index can be made to lag."""
    with start_cloud(tmp_path_factory.mktemp("late")) as running:
        yield running


@pytest.fixture
def fhir(late: Any) -> Iterator[FhirClient]:
    """A new store; the lag is none again afterwards."""
    yield FhirClient.of_new_store(late.healthcare)
    lag(late, 0)


def lag(cloud: Any, seconds: float) -> None:
    cloud.admin("PATCH", "behaviour", {"index_lag_seconds": seconds})


def statuses(fhir: FhirClient, status: str) -> set[str]:
    return fhir.search("Observation", {"status": status}).ids


@pytest.mark.rule("fhir.lag.create", METHOD)
def test_a_new_resource_is_found_by_identifier_first(late: Any, fhir: FhirClient) -> None:
    lag(late, _LONG_SECONDS)
    value = unique()
    made = fhir.create(observation(value)).body["id"]
    assert statuses(fhir, "preliminary") == set()
    assert fhir.search("Observation", {"identifier": f"{SYSTEM}|{value}"}).ids == {made}
    assert fhir.search("Observation", {"identifier": value}).ids == {made}
    assert fhir.read(f"Observation/{made}").status == 200


@pytest.mark.rule("fhir.lag.identifier-with-other-parameters", METHOD)
@pytest.mark.parametrize(
    ("extra", "synchronous"),
    [
        ({"_count": "5"}, True),
        ({"_include": "Observation:subject"}, True),
        ({"_revinclude": "Task:focus"}, True),
        ({"_summary": "data"}, True),
        ({"_elements": "status"}, True),
        ({"_sort": "-_lastUpdated"}, False),
        ({"status": "preliminary"}, False),
    ],
    ids=str,
)
def test_only_some_parameters_keep_an_identifier_search_synchronous(
    late: Any, fhir: FhirClient, extra: dict[str, str], synchronous: bool
) -> None:
    lag(late, _LONG_SECONDS)
    value = unique()
    fhir.create(observation(value))
    found = fhir.search("Observation", {"identifier": value, **extra}).resources
    assert len(found) == synchronous


@pytest.mark.rule("fhir.lag.update", METHOD)
def test_an_updated_resource_is_found_by_what_it_was(late: Any, fhir: FhirClient) -> None:
    made = fhir.create(observation()).body
    lag(late, _LONG_SECONDS)
    fhir.update({**made, "status": "final"})
    assert statuses(fhir, "final") == set()
    assert statuses(fhir, "preliminary") == {made["id"]}
    assert fhir.search("Observation", {"status": "preliminary"}).body["total"] == 1
    assert fhir.read(f"Observation/{made['id']}").body["status"] == "final"
    lag(late, 0)
    assert statuses(fhir, "preliminary") == set()
    assert statuses(fhir, "final") == {made["id"]}


@pytest.mark.rule("fhir.lag.delete", METHOD)
def test_a_deleted_resource_is_found_for_a_while(late: Any, fhir: FhirClient) -> None:
    made = fhir.create(observation()).body["id"]
    lag(late, _LONG_SECONDS)
    fhir.delete(f"Observation/{made}")
    assert statuses(fhir, "preliminary") == {made}
    assert fhir.read(f"Observation/{made}").status == 410
    lag(late, 0)
    assert statuses(fhir, "preliminary") == set()


@pytest.mark.rule("fhir.lag.ends", METHOD)
def test_a_change_is_seen_once_and_whole_when_the_lag_is_over(late: Any, fhir: FhirClient) -> None:
    lag(late, _SHORT_SECONDS)
    made = fhir.create(observation()).body
    fhir.update({**made, "status": "final"})
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    while statuses(fhir, "final") != {made["id"]}:
        assert time.monotonic() < deadline, "the change never became visible"
        both = fhir.search("Observation", {"status": "preliminary,final"})
        assert both.body["total"] <= 1
    assert statuses(fhir, "preliminary") == set()


@pytest.mark.rule("fhir.lag.chained", METHOD)
def test_chains_and_inclusions_are_as_late_as_the_rest(late: Any, fhir: FhirClient) -> None:
    subject = fhir.create(patient(name=[{"family": "Early"}])).body
    fhir.create(observation(subject=refer(f"Patient/{subject['id']}")))
    lag(late, _LONG_SECONDS)
    fhir.update({**subject, "name": [{"family": "Late"}]})
    assert fhir.search("Observation", {"subject:Patient.family": "Late"}).resources == []
    found = fhir.search(
        "Observation", {"subject:Patient.family": "Early", "_include": "Observation:subject"}
    )
    assert [item["name"][0]["family"] for item in found.resources[1:]] == ["Early"]


@pytest.mark.rule("fhir.lag.conditional-operations", f"{FHIR_METHODS}/conditionalUpdate")
def test_conditional_operations_see_every_write(late: Any, fhir: FhirClient) -> None:
    lag(late, _LONG_SECONDS)
    value = unique()
    url = f"Observation?identifier={SYSTEM}|{value}"
    first = fhir.transaction(entry("PUT", url, observation(value)))
    again = fhir.transaction(entry("PUT", url, observation(value)))
    assert (first.statuses, again.statuses) == (["201 Created"], ["200 OK"])
    kept = fhir.create(observation(value), if_none_exist=f"identifier={SYSTEM}|{value}")
    assert kept.status == 200


@pytest.mark.rule("fhir.lag.kill", METHOD)
def test_the_index_is_as_late_after_a_kill(start_cloud: Callable[..., Any], tmp_path: Path) -> None:
    lagging = f"--set=index_lag_seconds={_LONG_SECONDS}"
    with start_cloud(tmp_path) as running:
        fhir = FhirClient.of_new_store(running.healthcare)
        old = fhir.create(observation()).body
        lag(running, _LONG_SECONDS)
        fhir.update({**old, "status": "final"})
        new = fhir.create(observation(status="amended")).body["id"]
        os.kill(running.process.pid, signal.SIGKILL)
        running.process.wait()
    with start_cloud(tmp_path, lagging) as running:
        fhir = FhirClient(running.healthcare, fhir.store)
        assert statuses(fhir, "preliminary") == {old["id"]}
        assert statuses(fhir, "final") == statuses(fhir, "amended") == set()
        lag(running, 0)
        assert statuses(fhir, "amended") == {new}
        assert statuses(fhir, "final") == {old["id"]}
