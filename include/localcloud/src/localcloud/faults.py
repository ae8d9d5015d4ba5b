"""Failures on demand: any method can be made to fail, hang or drop its connection.

A rule names methods by a shell pattern over their ids (``storage.objects.*``,
``pubsub.Publisher.Publish``) and holds exactly one effect. Rules are tried in the order they were
added; a rule is spent after ``times`` calls. The first match wins.
"""

from __future__ import annotations

import fnmatch
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from localcloud.errors import invalid_argument

FOR_EVER = 0
_FIELDS = frozenset({"method", "status", "drop", "delay_seconds", "times", "after"})
_MAX_DELAY_SECONDS = 600.0


@dataclass(frozen=True)
class Fault:
    """One effect, applied to one call.

    ``after`` lets the call take effect and then loses its answer: the case that shows whether a
    caller may safely repeat itself.
    """

    method: str
    status: int | None = None
    drop: bool = False
    delay_seconds: float = 0.0
    after: bool = False


class Faults:
    """The rules in force and the number of calls of each method; safe for any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[tuple[Fault, int | None]] = []
        self._calls: Counter[str] = Counter()

    def take(self, method_id: str) -> Fault | None:
        """Count one call of a method and return the fault that it must suffer, if any."""
        with self._lock:
            self._calls[method_id] += 1
            for index, (fault, left) in enumerate(self._rules):
                if not fnmatch.fnmatchcase(method_id, fault.method):
                    continue
                if left is not None:
                    self._rules[index : index + 1] = [(fault, left - 1)] if left > 1 else []
                return fault
        return None

    def add(self, rule: object) -> None:
        """Add one rule given as JSON.

        Raises
        ------
        GoogleError
            400 when the rule is not understood.
        """
        fault, times = _parse(rule)
        with self._lock:
            self._rules.append((fault, None if times == FOR_EVER else times))

    def clear(self) -> None:
        """Drop every rule."""
        with self._lock:
            self._rules.clear()

    def rules(self) -> list[dict[str, Any]]:
        """Return the rules in force as JSON, ``times`` being what is left of each."""
        with self._lock:
            return [_as_json(fault, left) for fault, left in self._rules]

    def calls(self) -> dict[str, int]:
        """Return how often each method was called, failed calls included."""
        with self._lock:
            return dict(sorted(self._calls.items()))

    def reset_calls(self) -> None:
        """Start counting from zero."""
        with self._lock:
            self._calls.clear()


def _parse(rule: object) -> tuple[Fault, int]:
    if not isinstance(rule, Mapping) or not isinstance(rule.get("method"), str):
        raise invalid_argument('A fault is an object with a "method" pattern.')
    if unknown := sorted(set(rule) - _FIELDS):
        raise invalid_argument(
            f"Unknown field {unknown[0]!r}; a fault has {', '.join(sorted(_FIELDS))}."
        )
    if sum(name in rule for name in ("status", "drop", "delay_seconds")) != 1:
        raise invalid_argument("A fault needs exactly one of status, drop, delay_seconds.")
    status = rule.get("status")
    if status is not None and not (_is_int(status) and 400 <= status <= 599):
        raise invalid_argument(f"status must be an HTTP error code, not {status!r}.")
    delay = rule.get("delay_seconds", 0.0)
    if not isinstance(delay, int | float) or not 0 <= delay <= _MAX_DELAY_SECONDS:
        raise invalid_argument(f"delay_seconds must be 0 to {_MAX_DELAY_SECONDS:.0f}.")
    times = rule.get("times", 1)
    if not _is_int(times) or times < 0:
        raise invalid_argument("times must be a whole number; 0 means for ever.")
    if rule.get("drop", True) is not True or not isinstance(rule.get("after", False), bool):
        raise invalid_argument("drop must be true when given, and after must be a boolean.")
    fault = Fault(
        method=rule["method"],
        status=status,
        drop="drop" in rule,
        delay_seconds=float(delay),
        after=rule.get("after", False),
    )
    return fault, times


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _as_json(fault: Fault, left: int | None) -> dict[str, Any]:
    effect: dict[str, Any] = {"status": fault.status}
    if fault.drop:
        effect = {"drop": True}
    elif fault.status is None:
        effect = {"delay_seconds": fault.delay_seconds}
    tail = {"after": True} if fault.after else {}
    return {"method": fault.method, **effect, **tail, "times": FOR_EVER if left is None else left}
