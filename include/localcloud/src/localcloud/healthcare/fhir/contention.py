"""Transaction bundles that get in each other's way, and what Google does about it.

A transaction holds every resource that it writes, or matches by identifier, until it is done;
another one that needs the same resource meanwhile is aborted. Resources that are only referred to
are held by nobody. After many aborts in a short time every transaction of the project is refused
for a while, "to try to let the contention clear up".
Source: https://cloud.google.com/healthcare-api/docs/best-practices-data-throughput and
https://cloud.google.com/healthcare-api/docs/troubleshooting#fhir_transaction_bundle_heavy_load
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from localcloud.behaviour import BehaviourSwitch
from localcloud.healthcare.fhir.outcomes import FhirError

# Google states no figure; this lets a client that backs off through and stops one that hammers.
_HEAVY_ABORTS = 20


@dataclass(frozen=True)
class Claim:
    """Something only one transaction at a time may touch: a resource, or an identifier."""

    type: str
    key: str


class Contention:
    """The claims of all transactions that run now; safe for any thread."""

    def __init__(
        self, behaviour: BehaviourSwitch, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._behaviour = behaviour
        self._clock = clock
        self._lock = threading.Lock()
        self._held: set[tuple[str, Claim]] = set()
        self._aborts: defaultdict[str, deque[float]] = defaultdict(
            lambda: deque(maxlen=_HEAVY_ABORTS)
        )
        self._refused_until: dict[str, float] = {}

    @contextmanager
    def hold(self, store: str, claims: frozenset[Claim]) -> Iterator[None]:
        """Hold claims on a store for as long as a transaction runs.

        Raises
        ------
        FhirError
            429 when another transaction holds one of them, or all are refused for the moment.
        """
        if not self._behaviour.current.contention:
            yield
            return
        wanted = {(store, claim) for claim in claims}
        with self._lock:
            self._admit(store.split("/")[1], wanted)
            self._held |= wanted
        try:
            yield
        finally:
            with self._lock:
                self._held -= wanted

    def _admit(self, project: str, wanted: set[tuple[str, Claim]]) -> None:
        now = self._clock()
        if now < self._refused_until.get(project, now):
            raise _too_costly(
                "aborted due to cumulative heavy load or lock contention in this project while"
                " executing transactional bundle, please see https://cloud.google.com/"
                "healthcare-api/docs/troubleshooting#fhir_transaction_bundle_heavy_load"
                " for more information"
            )
        if not (taken := self._held & wanted):
            return
        aborts = self._aborts[project]
        aborts.append(now)
        window_seconds = self._behaviour.current.contention_window_seconds
        if len(aborts) == _HEAVY_ABORTS and now - aborts[0] < window_seconds:
            self._refused_until[project] = now + window_seconds
            aborts.clear()
        contended = min(claim.type for _, claim in taken)
        raise _too_costly(
            "aborted due to lock contention while executing transactional bundle."
            f" Resource type: {contended.upper()}"
        )


def _too_costly(diagnostics: str) -> FhirError:
    return FhirError(429, "too-costly", "operation_too_costly", diagnostics)
