"""What a server may hold after it died: what it acknowledged, or what it was about to."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

ABSENT = "absent"


def digest(content: bytes) -> str:
    """Return a short name for bytes, to compare and to print."""
    return hashlib.sha256(content).hexdigest()[:16]


class Ledger:
    """The states that each name may be in.

    A write in hand adds its state to those that are possible; its acknowledgement rules out the
    others. What a check finds after a death is what has to stay.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.acknowledged = 0
        self.struck = 0
        self._possible: dict[str, frozenset[str]] = {}

    def counts(self) -> dict[str, int]:
        """Return how many writes were acknowledged, and how many a death cut off."""
        return {"acknowledged": self.acknowledged, "struck": self.struck}

    @contextmanager
    def writing(self, states: Mapping[str, str]) -> Iterator[None]:
        """Write the states within; leaving without an exception means all were acknowledged."""
        for name, state in states.items():
            before = self._possible.get(name, frozenset({ABSENT}))
            self._possible[name] = before | {state}
        try:
            yield
        except BaseException:
            self.struck += 1
            raise
        for name, state in states.items():
            self._possible[name] = frozenset({state})
        self.acknowledged += 1

    def problems(self, found: Mapping[str, str], prefix: str = "") -> list[str]:
        """Compare the names that begin with ``prefix`` with what the server holds."""
        expected = {name for name in self._possible if name.startswith(prefix)}
        lines = [
            f"{self.kind} {name} was never written" for name in sorted(found.keys() - expected)
        ]
        for name in sorted(expected):
            state = found.get(name, ABSENT)
            if state not in self._possible[name]:
                possible = " or ".join(sorted(self._possible[name]))
                lines.append(f"{self.kind} {name} is {state}, not {possible}")
            else:
                self._possible[name] = frozenset({state})
        return lines
