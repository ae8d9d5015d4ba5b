"""Required bindings (FHIR R4, "Terminologies", 4.1.5.1): the models of fhir.resources skip them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from wetread.core.fhir.gate.elements import Element
from wetread.core.violation import Violation


@dataclass(frozen=True)
class Binding:
    """The element ``path`` takes only codes that ``allows`` says are in its value set."""

    path: str
    field: str
    allows: Callable[[str], object]


@dataclass(frozen=True)
class Bindings:
    """The table: what types it is complete for, and the bindings by the type they are in."""

    types: frozenset[str]
    of_type: Mapping[str, tuple[Binding, ...]]


@cache
def bindings() -> Bindings:
    """Return the bindings of ``bindings.toml``."""
    return read_bindings(files(__package__).joinpath("bindings.toml").read_text("utf-8"))


def read_bindings(text: str) -> Bindings:
    """Read a table of the form of ``bindings.toml``.

    Raises
    ------
    KeyError
        An element has a value set that is not there, or a value set has no source.
    ValueError
        An element is of a type that is not listed, or a value set is empty or used by nothing.
    """
    table = tomllib.loads(text)
    types, sets = frozenset(table["types"]), table["value_set"]
    found: dict[str, list[Binding]] = {}
    for path, value_set in table["element"].items():
        *owner, field = path.split(".")
        if owner[0] not in types:
            raise ValueError(f"{path} is of a type that is not listed")
        name = "".join(part[0].upper() + part[1:] for part in owner)
        found.setdefault(name, []).append(Binding(path, field, _allows(sets[value_set])))
    if unused := set(sets) - set(table["element"].values()):
        raise ValueError(f"used by no element: {sorted(unused)}")
    return Bindings(types, MappingProxyType({name: tuple(rows) for name, rows in found.items()}))


def _allows(value_set: Mapping[str, object]) -> Callable[[str], object]:
    if not value_set["source"]:
        raise ValueError("a value set without a source")
    if pattern := value_set.get("pattern"):
        return re.compile(str(pattern)).fullmatch
    codes = value_set["codes"]
    if not isinstance(codes, list) or not codes:
        raise ValueError("a value set without codes")
    return frozenset(codes).__contains__


def binding_violations(element: Element) -> Iterator[Violation]:
    """Yield the elements of a closed list whose code is not in it."""
    for binding in bindings().of_type.get(element.type, ()):
        value = element.get(binding.field)
        for code in value if isinstance(value, list) else [value]:
            if code is not None and not binding.allows(str(code)):
                yield Violation(f"fhir.binding.{binding.path}", f"{element.path}.{binding.field}")
