"""What a row may demand of one attribute: listed values, or a range."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias


@dataclass(frozen=True)
class Listed:
    """One of the attribute's values is one of these, which are in upper case."""

    values: tuple[str, ...]

    def holds(self, values: Sequence[str]) -> bool:
        return not set(values).isdisjoint(self.values)

    def as_json(self) -> Any:
        return list(self.values)

    def __str__(self) -> str:
        return " or ".join(self.values)


@dataclass(frozen=True)
class Range:
    """All of the attribute's numbers lie in it, the ends included; None is no end."""

    min: float | None = None
    max: float | None = None

    def holds(self, values: Sequence[str]) -> bool:
        return bool(values) and all(self._has(float(value)) for value in values)

    def _has(self, number: float) -> bool:
        low = -math.inf if self.min is None else self.min
        high = math.inf if self.max is None else self.max
        return low <= number <= high

    def as_json(self) -> Any:
        ends = {"min": self.min, "max": self.max}
        return {name: end for name, end in ends.items() if end is not None}

    def __str__(self) -> str:
        if self.min is None:
            return f"at most {self.max:g}"
        return f"at least {self.min:g}" if self.max is None else f"{self.min:g} to {self.max:g}"


Condition: TypeAlias = Listed | Range


def read_condition(value: Any) -> Condition:
    """Read a list of values in upper case, or ``{min, max}`` of which one may be left out.

    Raises
    ------
    ValueError
        It is neither.
    """
    if isinstance(value, list) and value and all(_is_value(item) for item in value):
        return Listed(tuple(value))
    if isinstance(value, dict) and value and value.keys() <= {"min", "max"}:
        ends = {name: _finite(end) for name, end in value.items()}
        if ends.get("min", -math.inf) <= ends.get("max", math.inf):
            return Range(**ends)
    raise ValueError("must be a list of values in upper case, or { min = , max = } in order")


def _is_value(item: Any) -> bool:
    return isinstance(item, str) and bool(item.strip()) and item == item.strip().upper()


def _finite(end: Any) -> float:
    if isinstance(end, bool) or not isinstance(end, int | float) or not math.isfinite(end):
        raise ValueError("must have finite numbers as min and max")
    return float(end)
