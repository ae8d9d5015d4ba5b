"""The table of analyses: read, changed by an installation, checked, and written as JSON."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, fields
from enum import StrEnum
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, TypeAlias

from wetread.core.routing.analysis import Adapter, Analysis, Input, Kind, Mode, Scope
from wetread.core.routing.conditions import Condition, read_condition

AnalysisTable: TypeAlias = Mapping[str, Analysis]
"""Analyses by id, in the order in which they run and are listed."""


@cache
def shipped_analyses() -> AnalysisTable:
    """Return the table that ships with Wetread."""
    text = files("wetread.core.routing").joinpath("analyses.toml").read_text("utf-8")
    return read_analyses(text)


def read_analyses(text: str) -> AnalysisTable:
    """Read a table of the form of ``analyses.toml``.

    Raises
    ------
    ValueError
        The text is no such table, or a row is wrong; the message names the row and the field.
    """
    stored = tomllib.loads(text)
    if stored.keys() != {"analysis"} or not isinstance(stored["analysis"], dict):
        raise ValueError("a table of analyses has rows [analysis.<id>] and nothing else.")
    return _table(analysis_from_json(name, row) for name, row in stored["analysis"].items())


def changed_analyses(table: AnalysisTable, changes: Mapping[str, Any]) -> AnalysisTable:
    """Return ``table`` with rows changed field by field, added whole, or taken out by None.

    Raises
    ------
    ValueError
        As :func:`read_analyses`.
    """
    rows: dict[str, Mapping[str, Any] | None] = {
        name: row.as_json() | {"id": name} for name, row in table.items()
    }
    for name, change in changes.items():
        if change is not None and not isinstance(change, Mapping):
            raise ValueError(f"[analysis.{name}] must be an object of fields, or null.")
        rows[name] = None if change is None else {**(rows.get(name) or {}), **change}
    return _table(analysis_from_json(name, row) for name, row in rows.items() if row is not None)


def table_to_json(table: AnalysisTable) -> list[dict[str, Any]]:
    """Return every field of every row, in order."""
    return [analysis.as_json() for analysis in table.values()]


def table_from_json(stored: Sequence[Mapping[str, Any]]) -> AnalysisTable:
    """Read the stored form back; the inverse of :func:`table_to_json`."""
    return _table(analysis_from_json(row["id"], row) for row in stored)


def analysis_from_json(name: str, row: Any) -> Analysis:
    """Read one row.

    Raises
    ------
    ValueError
        A field is unknown, missing, or of another type, or the row contradicts itself.
    """
    if not isinstance(row, Mapping):
        raise ValueError(f"[analysis.{name}] must be an object of fields.")
    if unknown := sorted(row.keys() - _READERS.keys()):
        raise ValueError(f"[analysis.{name}] there is no field {unknown[0]!r}.")
    if missing := sorted(_NEEDED - row.keys() - {"id"}):
        raise ValueError(f"[analysis.{name}] {missing[0]} is missing.")
    if row.get("id", name) != name:
        raise ValueError(f"[analysis.{name}] id must be the name of the row.")
    read: dict[str, Any] = {"id": name}
    for key, value in row.items():
        try:
            read[key] = _READERS[key](value)
        except ValueError as error:
            raise ValueError(f"[analysis.{name}] {key} {error}.") from None
    return Analysis(**read)


def _table(rows: Iterable[Analysis]) -> AnalysisTable:
    ordered = sorted(rows, key=_order)
    endpoints = Counter(analysis.endpoint for analysis in ordered if analysis.is_on)
    for analysis in ordered:
        if analysis.is_on and endpoints[analysis.endpoint] > 1:
            field = "adapter" if analysis.is_vision else "endpoint"
            raise ValueError(f"[analysis.{analysis.id}] {field} is that of another row, too.")
    return MappingProxyType({analysis.id: analysis for analysis in ordered})


def _order(analysis: Analysis) -> tuple[bool, int, str]:
    is_specialised = analysis.kind is Kind.SPECIALISED
    return is_specialised, list(Mode).index(analysis.mode), analysis.id


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a text")
    return value


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError("must be a list of texts")
    return tuple(value)


def _seconds(value: Any) -> int:
    if type(value) is not int:
        raise ValueError("must be a whole number")
    return value


def _one_of(choices: type[StrEnum]) -> Callable[[Any], StrEnum]:
    def read(value: Any) -> StrEnum:
        if value not in list(choices):
            raise ValueError(f"must be {' or '.join(choices)}")
        return choices(value)

    return read


def _conditions(value: Any) -> dict[str, Condition]:
    if not isinstance(value, Mapping):
        raise ValueError("must be an object of conditions by keyword")
    return {keyword: _condition(keyword, item) for keyword, item in value.items()}


def _condition(keyword: str, value: Any) -> Condition:
    try:
        return read_condition(value)
    except ValueError as error:
        raise ValueError(f"of {keyword} {error}") from None


def _thresholds(value: Any) -> dict[str, float]:
    if not isinstance(value, Mapping) or any(
        type(threshold) not in (int, float) for threshold in value.values()
    ):
        raise ValueError("must be an object of thresholds by code")
    # 1 and 1.0 are one number and must have one digest.
    return {code: float(threshold) for code, threshold in value.items()}


_READERS: Mapping[str, Callable[[Any], Any]] = MappingProxyType(
    {
        "id": _text,
        "title": _text,
        "kind": _one_of(Kind),
        "modality": _texts,
        "body_part": _texts,
        "attributes": _conditions,
        "scope": _one_of(Scope),
        "input": _one_of(Input),
        "sampling": _text,
        "adapter": _one_of(Adapter),
        "endpoint": _text,
        "timeout_seconds": _seconds,
        "mode": _one_of(Mode),
        "findings": _thresholds,
        "head": _text,
        "prompt": _text,
        "card": _text,
    }
)
_NEEDED = {
    item.name
    for item in fields(Analysis)
    if item.default is MISSING and item.default_factory is MISSING
}
