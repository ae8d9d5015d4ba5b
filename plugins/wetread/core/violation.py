"""One broken rule of a result's format, as an error may name it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType


@dataclass(frozen=True)
class Violation:
    """Which rule is broken and where; never by what, which may be a patient's.

    ``rule`` is an id of one of the tables, which may go on with the name of an element.
    """

    rule: str
    element: str


@dataclass(frozen=True)
class Rule:
    """One row of a gate's table: what is demanded, and by whom."""

    text: str
    source: str


@cache
def gate_rules(package: str) -> Mapping[str, Rule]:
    """Return the rules of the gate that is ``package``, by their ids."""
    table = tomllib.loads(files(package).joinpath("rules.toml").read_text("utf-8"))
    return MappingProxyType({id_: Rule(**row) for id_, row in table["rule"].items()})


def repeated(values: Iterable[object]) -> Iterator[int]:
    """Yield the index of every value that an earlier one equals."""
    seen = set()
    for index, value in enumerate(values):
        if value in seen:
            yield index
        seen.add(value)
