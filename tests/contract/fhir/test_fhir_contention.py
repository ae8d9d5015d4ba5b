"""Transactions that want the same resource at the same time, as Google aborts them."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.contract.fhir.fhir_client import (
    SYSTEM,
    THROUGHPUT,
    TROUBLESHOOTING,
    Answer,
    FhirClient,
    entry,
    observation,
    patient,
    refer,
    unique,
)

EXECUTE = "healthcare.projects.locations.datasets.fhirStores.fhir.executeBundle"
_THREADS = 8
_LONG_ENTRIES = 1500
_TIMEOUT_SECONDS = 60.0
_GAP_SECONDS = 0.02
_LONG_WINDOW = "--set=contention_window_seconds=10"


@pytest.fixture(scope="module")
def busy(
    start_cloud: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    """A cloud in which transactions contend."""
    folder = tmp_path_factory.mktemp("busy")
    with start_cloud(folder, "--set=contention=true") as running:
        yield running


@pytest.fixture
def fhir(busy: Any) -> FhirClient:
    return FhirClient.of_new_store(busy.healthcare)


def rename(made: dict[str, Any], *others: dict[str, Any]) -> list[dict[str, Any]]:
    """A transaction that writes one patient, and other entries."""
    return [entry("PUT", f"Patient/{made['id']}", {**made, "active": True}), *others]


def findings(count: int) -> list[dict[str, Any]]:
    return [entry("POST", "Observation", observation()) for _ in range(count)]


class LongTransaction:
    """A transaction that is still running when the block begins, and done when it ends."""

    def __init__(self, cloud: Any, fhir: FhirClient, *entries: dict[str, Any]) -> None:
        self._cloud = cloud
        self._before = cloud.calls(EXECUTE)
        self._pool = ThreadPoolExecutor(1)
        self._running = self._pool.submit(self._run, fhir.clone(), entries)

    def _run(self, fhir: FhirClient, entries: tuple[dict[str, Any], ...]) -> int:
        # The short transaction of the test may have come first.
        while (status := fhir.transaction(*entries, *findings(_LONG_ENTRIES)).status) == 429:
            pass
        return status

    def __enter__(self) -> LongTransaction:
        deadline = time.monotonic() + _TIMEOUT_SECONDS
        while self._cloud.calls(EXECUTE) == self._before:
            assert time.monotonic() < deadline, "the long transaction never began"
        return self

    def __exit__(self, *_: object) -> None:
        assert self._running.result() == 200
        self._pool.shutdown()

    @property
    def is_running(self) -> bool:
        return not self._running.done()


def while_it_runs(long: LongTransaction, run: Callable[[], Answer]) -> Answer:
    """Repeat a request until the long transaction holds its claims, or is over."""
    while (answer := run()).status == 200 and long.is_running:
        time.sleep(_GAP_SECONDS)
    return answer


@pytest.mark.rule("fhir.contention.abort", THROUGHPUT)
def test_a_transaction_aborts_when_another_writes_the_same_resource(
    busy: Any, fhir: FhirClient
) -> None:
    made = fhir.create(patient()).body
    with LongTransaction(busy, fhir, *rename(made)) as long:
        aborted = while_it_runs(long, lambda: fhir.transaction(*rename(made)))
    assert aborted.status == 429
    assert aborted.issue["code"] == "too-costly"
    assert aborted.issue["details"]["text"] == "operation_too_costly"
    assert aborted.issue["diagnostics"] == (
        "aborted due to lock contention while executing transactional bundle."
        " Resource type: PATIENT"
    )
    assert fhir.transaction(*rename(made)).status == 200


@pytest.mark.rule("fhir.contention.conditional", THROUGHPUT)
@pytest.mark.parametrize("verb", ["POST", "PUT"])
def test_matching_by_identifier_contends_too(busy: Any, fhir: FhirClient, verb: str) -> None:
    value = unique()
    made = fhir.create(patient(value)).body
    query = f"identifier={SYSTEM}|{value}"
    matching = (
        entry("POST", "Patient", patient(value), ifNoneExist=query)
        if verb == "POST"
        else entry("PUT", f"Patient?{query}", patient(value))
    )
    with LongTransaction(busy, fhir, *rename(made)) as long:
        assert while_it_runs(long, lambda: fhir.transaction(matching)).status == 429


@pytest.mark.rule("fhir.contention.references", THROUGHPUT)
def test_referring_to_the_same_resource_does_not_contend(busy: Any, fhir: FhirClient) -> None:
    made = fhir.create(patient()).body
    about = observation(subject=refer(f"Patient/{made['id']}"))
    with LongTransaction(busy, fhir, entry("POST", "Observation", about)):
        for _ in range(5):
            assert fhir.transaction(entry("POST", "Observation", about)).status == 200


@pytest.mark.rule("fhir.contention.disjoint", TROUBLESHOOTING)
def test_transactions_that_share_nothing_never_abort(fhir: FhirClient) -> None:
    patients = [fhir.create(patient()).body for _ in range(_THREADS)]
    clients = [fhir.clone() for _ in patients]

    def write(client: FhirClient, made: dict[str, Any]) -> set[int]:
        return {client.transaction(*rename(made, *findings(3))).status for _ in range(4)}

    with ThreadPoolExecutor(_THREADS) as pool:
        assert set.union(*pool.map(write, clients, patients)) == {200}


@pytest.mark.rule("fhir.contention.backoff", THROUGHPUT)
def test_with_backoff_every_transaction_succeeds_in_the_end(fhir: FhirClient) -> None:
    made = fhir.create(patient()).body
    together = threading.Barrier(_THREADS)

    def write(client: FhirClient) -> int:
        together.wait(_TIMEOUT_SECONDS)
        aborts = 0
        while client.transaction(*rename(made, *findings(2))).status != 200:
            aborts += 1
            assert aborts < 50, "the transaction never gets through"
            time.sleep(random.uniform(0.02, 0.1) * aborts)
        return aborts

    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(write, [fhir.clone() for _ in range(_THREADS)]))
    # One version of its creation and one of each transaction: none was lost or done twice.
    assert fhir.history(f"Patient/{made['id']}").body["total"] == 1 + _THREADS


@pytest.fixture
def easily_annoyed(start_cloud: Callable[..., Any], tmp_path: Path) -> Iterator[Any]:
    """A cloud that counts aborts, and refuses, for so long that a slow machine sees it."""
    with start_cloud(tmp_path, "--set=contention=true", _LONG_WINDOW) as running:
        yield running


@pytest.mark.rule("fhir.contention.heavy-load", TROUBLESHOOTING)
def test_much_contention_stops_all_transactions_for_a_while(easily_annoyed: Any) -> None:
    fhir = FhirClient.of_new_store(easily_annoyed.healthcare)
    made = fhir.create(patient()).body
    alone = findings(1)
    is_heavy = threading.Event()

    def hammer(client: FhirClient) -> None:
        while long.is_running and not is_heavy.is_set():
            answer = client.transaction(*rename(made))
            if answer.status == 429 and "cumulative heavy load" in answer.issue["diagnostics"]:
                is_heavy.set()

    deadline = time.monotonic() + _TIMEOUT_SECONDS
    while not is_heavy.is_set():
        assert time.monotonic() < deadline, "no load is heavy"
        long = LongTransaction(easily_annoyed, fhir, *rename(made))
        with long, ThreadPoolExecutor(_THREADS) as pool:
            list(pool.map(hammer, [fhir.clone() for _ in range(_THREADS)]))
            refused = fhir.transaction(*alone)
            # Batches hold nothing, and other requests are not transactions.
            assert fhir.bundle("batch", *alone).statuses == ["201 Created"]
            assert fhir.create(patient()).status == 201
    assert (refused.status, refused.issue["code"]) == (429, "too-costly")
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    while fhir.transaction(*alone).status != 200:
        assert time.monotonic() < deadline, "transactions stay refused"
        time.sleep(0.1)


@pytest.mark.rule("fhir.contention.batch", TROUBLESHOOTING)
def test_a_batch_never_aborts(busy: Any, fhir: FhirClient) -> None:
    made = fhir.create(patient()).body
    with LongTransaction(busy, fhir, *rename(made)):
        assert fhir.bundle("batch", *rename(made)).statuses == ["200 OK"]
