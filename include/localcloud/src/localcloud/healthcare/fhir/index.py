"""What a resource can be found by: one row for each value of each search parameter.

Source: https://hl7.org/fhir/R4/search.html, tables "token", "reference", "date", "quantity"
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from localcloud.healthcare.fhir.definitions import Definitions, Json, SearchParameter
from localcloud.healthcare.fhir.references import parse_local
from localcloud.healthcare.fhir.temporal import EARLIEST, LATEST, date_range

# Answered from the resource's own row, so never indexed.
COLUMN_PARAMETERS = frozenset({"_id", "_lastUpdated"})
# The index rows of ``:text`` and of ``_text`` hold folded text as their ``system``.
TEXT_SUFFIX = ":text"
NARRATIVE = "_text"
# Arrays whose items are told apart, because a composite parameter must match within one.
_PLACED = frozenset({"component", "relatesTo"})
_NOWHERE = -1
_TAG = re.compile(r"<[^>]*>")


@dataclass(frozen=True)
class Row:
    """One indexed value.

    token: ``system`` and ``value``; reference: ``value`` is ``Type/id`` or a URL; string: ``value``
    is folded and ``system`` as written; date: ``low`` to ``high`` in microseconds since 1970;
    number and quantity: ``low`` to ``high``, with the unit's ``system`` and code. ``place`` is the
    position in an array whose items are told apart.
    """

    parameter: str
    system: str | None = None
    value: str | None = None
    low: float | None = None
    high: float | None = None
    place: int = _NOWHERE


def fold(text: str) -> str:
    """Drop case and accents, as string searches ignore them."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in decomposed if not unicodedata.combining(char))


def index_rows(resource: Json, definitions: Definitions, base: str) -> set[Row]:
    """Return every row of a resource; values a parameter cannot read are skipped."""
    rows: set[Row] = set()
    resource = _without_nulls(resource)
    for parameter in definitions.search[resource["resourceType"]].values():
        if parameter.name not in COLUMN_PARAMETERS:
            rows.update(_rows(resource, parameter, base))
    rows.update(_narrative(resource))
    return rows


def _narrative(resource: Json) -> Iterator[Row]:
    if isinstance(text := resource.get("text"), dict) and isinstance(div := text.get("div"), str):
        yield Row(NARRATIVE, fold(html.unescape(_TAG.sub(" ", div))))


def _without_nulls(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _without_nulls(item) for key, item in node.items() if item is not None}
    if isinstance(node, list):
        return [_without_nulls(item) for item in node if item is not None]
    return node


def _rows(resource: Json, parameter: SearchParameter, base: str) -> Iterator[Row]:
    if not parameter.paths:
        return
    read = _READERS[parameter.type]
    for path, _ in parameter.paths:
        for place, value in _placed_values(resource, path):
            for system, text, low, high in read(value):
                if parameter.type == "reference":
                    local = parse_local(text or "", base)
                    if local and parameter.targets and local.type not in parameter.targets:
                        continue
                    name = local.name if local else text
                    yield Row(parameter.name, None, name, place=place)
                    continue
                yield Row(parameter.name, system, text, low, high, place)
            if parameter.type == "token" and isinstance(value, dict):
                for shown in _displayed(value):
                    yield Row(parameter.name + TEXT_SUFFIX, fold(shown), place=place)


def _placed_values(resource: Json, path: str) -> Iterator[tuple[int, Any]]:
    first = path.partition(".")[0]
    items = resource.get(first)
    if first not in _PLACED or not isinstance(items, list):
        for value in values_at(resource, path):
            yield _NOWHERE, value
        return
    for place, item in enumerate(items):
        for value in values_at({first: item}, path):
            yield place, value


def _displayed(value: Json) -> Iterator[str]:
    """Yield the text that a coded value shows, for ``:text``."""
    shown = [value.get("text"), value.get("display")]
    shown += [item.get("display") for item in value.get("coding", []) if isinstance(item, dict)]
    if isinstance(kind := value.get("type"), dict):
        shown.append(kind.get("text"))
    yield from (text for text in shown if isinstance(text, str))


def values_at(node: Any, path: str) -> list[Any]:
    """Return the values at a path, arrays flattened."""
    nodes = [node]
    for step in path.split("."):
        name, _, condition = step.rstrip("]").partition("[")
        found = [child[name] for child in nodes if isinstance(child, dict) and name in child]
        nodes = [
            item for value in found for item in (value if isinstance(value, list) else [value])
        ]
        if condition:
            key, _, wanted = condition.partition("=")
            nodes = [item for item in nodes if isinstance(item, dict) and item.get(key) == wanted]
    return nodes


_Value = tuple[str | None, str | None, float | None, float | None]


def _token(value: Any) -> Iterator[_Value]:
    if isinstance(value, bool):
        yield None, str(value).lower(), None, None
    elif isinstance(value, str):
        yield None, value, None, None
    elif isinstance(value, dict) and "coding" in value:
        for coding in value["coding"]:
            yield coding.get("system"), coding.get("code"), None, None
    elif isinstance(value, dict):
        text = value.get("code", value.get("value"))
        if isinstance(text, str):
            yield value.get("system"), text, None, None


def _reference(value: Any) -> Iterator[_Value]:
    text = value.get("reference") if isinstance(value, dict) else value
    if isinstance(text, str):
        yield None, text, None, None


def _string(value: Any) -> Iterator[_Value]:
    if isinstance(value, str):
        yield value, fold(value), None, None
    elif isinstance(value, dict):
        for part in value.values():
            for text in part if isinstance(part, list) else [part]:
                if isinstance(text, str):
                    yield text, fold(text), None, None


def _date(value: Any) -> Iterator[_Value]:
    if isinstance(value, str):
        low, high = date_range(value)
        yield None, None, low, high
    elif isinstance(value, dict) and ("start" in value or "end" in value):
        low = date_range(value["start"])[0] if value.get("start") else EARLIEST
        high = date_range(value["end"])[1] if value.get("end") else LATEST
        yield None, None, low, high
    elif isinstance(value, dict):
        for event in value.get("event", []):
            yield from _date(event)


def _quantity(value: Any) -> Iterator[_Value]:
    # As a float, because SQLite has no whole number beyond 64 bits.
    if isinstance(value, int | float):
        yield None, None, float(value), float(value)
    elif isinstance(value, dict) and isinstance(number := value.get("value"), int | float):
        unit = value.get("code") or value.get("currency") or value.get("unit")
        yield value.get("system"), unit, float(number), float(number)
    elif isinstance(value, dict) and ("low" in value or "high" in value):
        low = value.get("low", {}).get("value", float("-inf"))
        high = value.get("high", {}).get("value", float("inf"))
        yield None, None, float(low), float(high)


_READERS: Mapping[str, Callable[[Any], Iterator[_Value]]] = {
    "token": _token,
    "reference": _reference,
    "string": _string,
    "date": _date,
    "quantity": _quantity,
    "number": _quantity,
    "uri": _reference,
}
