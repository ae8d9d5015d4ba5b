"""How unkind the cloud is: lag, long operations, refusals, contention, quotas, latency.

Google's services are consistent late, take minutes for an operation and refuse what they do not
find. A program that was only ever tested against a server that answers at once fails there first.
``GOOGLE`` is the default; ``SWIFT`` turns everything off, for tests of other things.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from localcloud.errors import invalid_argument

ForbidMissing = Literal["nothing", "stores", "everything"]

_MAX_SECONDS = 3600.0


@dataclass(frozen=True)
class Behaviour:
    """One consistent set of unkindness.

    Parameters
    ----------
    index_lag_seconds
        How long a write stays unseen by QIDO-RS and by FHIR searches other than by identifier.
        Source: https://cloud.google.com/healthcare-api/docs/concepts/fhir-consistency and
        https://cloud.google.com/healthcare-api/docs/dicom#search_transaction
    operation_seconds
        The least time from the start of a long-running operation to its work.
        Source: https://cloud.google.com/healthcare-api/docs/best-practices-lros
    forbid_missing
        What answers 403 instead of 404 when it does not exist: nothing, datasets and stores, or
        every Healthcare resource. A caller cannot tell a missing thing from one it may not see.
        Source: https://cloud.google.com/healthcare-api/docs/troubleshooting
    contention
        Whether FHIR transactions that change one resource at the same time abort each other.
        Source: https://cloud.google.com/healthcare-api/docs/troubleshooting
    contention_window_seconds
        Within how long twenty such aborts make all transactions refused, for as long again.
    requests_per_minute
        Quota by method pattern (``healthcare.*.dicomStores.*``); beyond it a call answers 429.
    latency_seconds
        Time added to each call by method pattern (``vision.images.annotate``).
    vision_computes
        Whether Vision looks at images. Without it each readable image is answered with nothing
        found, so that a benchmark of a caller measures the caller.
    """

    index_lag_seconds: float = 2.0
    operation_seconds: float = 60.0
    forbid_missing: ForbidMissing = "stores"
    contention: bool = True
    contention_window_seconds: float = 2.0
    requests_per_minute: Mapping[str, int] = field(default_factory=dict)
    latency_seconds: Mapping[str, float] = field(default_factory=dict)
    vision_computes: bool = True

    def latency_of(self, method_id: str) -> float:
        """Return the seconds added to a call: the sum over all patterns that match."""
        return sum(
            seconds
            for pattern, seconds in self.latency_seconds.items()
            if fnmatch.fnmatchcase(method_id, pattern)
        )

    def quotas_of(self, method_id: str) -> list[tuple[str, int]]:
        """Return the quotas that a call counts against, as pattern and requests a minute."""
        return [
            (pattern, limit)
            for pattern, limit in self.requests_per_minute.items()
            if fnmatch.fnmatchcase(method_id, pattern)
        ]


GOOGLE = Behaviour()
SWIFT = Behaviour(
    index_lag_seconds=0.0, operation_seconds=0.0, forbid_missing="nothing", contention=False
)
BY_NAME: Mapping[str, Behaviour] = {"google": GOOGLE, "swift": SWIFT}


class BehaviourSwitch:
    """The behaviour in force; it may change while the cloud runs. Safe for any thread."""

    def __init__(self, initial: Behaviour = GOOGLE) -> None:
        self._lock = threading.Lock()
        self._initial = self._current = initial

    @property
    def current(self) -> Behaviour:
        """The behaviour in force now; read it anew for each call."""
        return self._current

    def change(self, settings: object) -> Behaviour:
        """Set the given fields, given as JSON, and return the result.

        Raises
        ------
        GoogleError
            400 when a field is unknown or its value cannot be.
        """
        with self._lock:
            self._current = changed(self._current, settings)
            return self._current

    def reset(self) -> Behaviour:
        """Return to the behaviour that the cloud was started with."""
        with self._lock:
            self._current = self._initial
            return self._current


def changed(behaviour: Behaviour, settings: object) -> Behaviour:
    """Return a behaviour with some fields set from JSON.

    Raises
    ------
    GoogleError
        400 when a field is unknown or its value cannot be.
    """
    if not isinstance(settings, Mapping):
        raise invalid_argument('Behaviour is an object such as {"index_lag_seconds": 0}.')
    names = [f.name for f in dataclasses.fields(Behaviour)]
    for name, value in settings.items():
        if name not in names:
            raise invalid_argument(f"Unknown behaviour {name!r}; there are {', '.join(names)}.")
        if problem := _problem(name, value):
            raise invalid_argument(f"{name} {problem}, not {value!r}.")
    return dataclasses.replace(behaviour, **settings)


def as_json(behaviour: Behaviour) -> dict[str, Any]:
    """Return every field as JSON."""
    return dataclasses.asdict(behaviour)


def _problem(name: str, value: object) -> str | None:
    if name in ("index_lag_seconds", "operation_seconds", "contention_window_seconds"):
        return None if _is_seconds(value) else f"must be seconds from 0 to {_MAX_SECONDS:.0f}"
    if name == "forbid_missing":
        choices = get_args(ForbidMissing)
        return None if value in choices else f"must be one of {', '.join(choices)}"
    if name in ("contention", "vision_computes"):
        return None if isinstance(value, bool) else "must be true or false"
    if not isinstance(value, Mapping):
        return "must be an object of method patterns"
    if name == "latency_seconds":
        good = all(_is_seconds(seconds) for seconds in value.values())
        return None if good else f"must give seconds from 0 to {_MAX_SECONDS:.0f} to each pattern"
    good = all(isinstance(n, int) and not isinstance(n, bool) and n > 0 for n in value.values())
    return None if good else "must give a whole number above 0 to each pattern"


def _is_seconds(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) and 0 <= value <= _MAX_SECONDS
