"""The value of a search parameter as SQL over one index row, by type.

Source: https://hl7.org/fhir/R4/search.html for the meaning of each type, modifier and prefix
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from localcloud.healthcare.fhir.criteria import split_token, unescape
from localcloud.healthcare.fhir.definitions import SearchParameter
from localcloud.healthcare.fhir.index import fold
from localcloud.healthcare.fhir.lag import Sql
from localcloud.healthcare.fhir.outcomes import invalid_query
from localcloud.healthcare.fhir.references import parse_local
from localcloud.healthcare.fhir.temporal import date_range

_PREFIXED = re.compile(r"(eq|ne|gt|lt|ge|le|sa|eb|ap)?(.+)")
_NUMBER = re.compile(r"[+-]?\d+(?P<fraction>\.\d+)?([eE][+-]?\d+)?")
# Each compares the stored range (low, high) with the wanted one (:low, :high).
_COMPARISONS = {
    "eq": "({low} >= ? AND {high} <= ?)",
    "ne": "NOT ({low} >= ? AND {high} <= ?)",
    "ap": "({high} >= ? AND {low} <= ?)",
    "gt": "{high} > ?",
    "ge": "{high} >= ?",
    "lt": "{low} < ?",
    "le": "{low} <= ?",
    "sa": "{low} > ?",
    "eb": "{high} < ?",
}
_USES_LOW = {"ge", "lt", "eb"}
_APPROXIMATELY = 0.1


def term(parameter: SearchParameter, modifier: str, value: str, base: str) -> Sql:
    """Return the condition on ``fhir_index i`` that one value of a parameter stands for.

    Raises
    ------
    FhirError
        400 when the value is not one of the parameter's type.
    """
    if modifier == "text":
        # A match may begin at any word, as a string search of the displayed text.
        return "instr(' ' || i.system, ?) > 0", [f" {fold(unescape(value))}"]
    if parameter.type == "reference" and "/" not in value and ":" not in value:
        return _bare_id(value, parameter)
    return _TERMS[parameter.type](value, modifier, base)


def last_updated(value: str) -> Sql:
    """Return the condition on ``fhir_resource r`` for one ``_lastUpdated``."""
    return _range("r.version", "r.version", *_date(value))


def _bare_id(value: str, parameter: SearchParameter) -> Sql:
    # It may name any type the parameter refers to.
    if not parameter.targets:
        return "substr(i.value, instr(i.value, '/') + 1) = ?", [value]
    marks = ", ".join("?" * len(parameter.targets))
    return f"i.value IN ({marks})", [f"{name}/{value}" for name in parameter.targets]


def _token(value: str, _: str, __: str) -> Sql:
    system, code = split_token(value)
    if system is None:
        return "i.value = ?", [code]
    if not code:
        return "i.system = ?", [system]
    if not system:
        return "(i.system IS NULL AND i.value = ?)", [code]
    return "(i.system = ? AND i.value = ?)", [system, code]


def _reference(value: str, _: str, base: str) -> Sql:
    text = unescape(value)
    local = parse_local(text, base)
    return "i.value = ?", [local.name if local else text]


def _string(value: str, modifier: str, _: str) -> Sql:
    text = unescape(value)
    if modifier == "exact":
        return "i.system = ?", [text]
    if modifier == "contains":
        return "instr(i.value, ?) > 0", [fold(text)]
    folded = fold(text)
    return "substr(i.value, 1, ?) = ?", [len(folded), folded]


def _uri(value: str, modifier: str, _: str) -> Sql:
    text = unescape(value)
    if modifier == "below":
        return "(i.value = ? OR substr(i.value, 1, ?) = ?)", [text, len(text) + 1, f"{text}/"]
    if modifier == "above":
        return "(i.value = ? OR substr(?, 1, length(i.value) + 1) = i.value || '/')", [text, text]
    return "i.value = ?", [text]


def _date(value: str) -> tuple[str, float, float]:
    prefix, text = _split_prefix(value)
    try:
        return prefix, *date_range(text.replace(" ", "+"))
    except ValueError as error:
        raise invalid_query("invalid date: want YYYY-MM-DD or an instant with its zone") from error


def _date_term(value: str, _: str, __: str) -> Sql:
    return _range("i.low", "i.high", *_date(value))


def _quantity(value: str, _: str, __: str) -> Sql:
    text, bar, unit = value.partition("|")
    prefix, number = _split_prefix(text)
    if (match := _NUMBER.fullmatch(number)) is None:
        raise invalid_query("invalid number")
    centre = float(number)
    # 8.4 means 8.35 to 8.45: half a unit of the last digit given.
    half = 0.5 * 10.0 ** -(len(match["fraction"] or ".") - 1)
    half = max(half, abs(centre) * _APPROXIMATELY) if prefix == "ap" else half
    exact = prefix not in {"eq", "ne", "ap"}
    low, high = (centre, centre) if exact else (centre - half, centre + half)
    clause, arguments = _range("i.low", "i.high", prefix, low, high)
    system, _, code = unit.rpartition("|")
    if bar and system:
        clause, arguments = f"({clause} AND i.system = ?)", [*arguments, system]
    if bar and code:
        clause, arguments = f"({clause} AND i.value = ?)", [*arguments, code]
    return clause, arguments


def _split_prefix(value: str) -> tuple[str, str]:
    match = _PREFIXED.fullmatch(value)
    return (match[1] or "eq", match[2]) if match else ("eq", value)


def _range(low: str, high: str, prefix: str, wanted_low: float, wanted_high: float) -> Sql:
    clause = _COMPARISONS[prefix].format(low=low, high=high)
    if clause.count("?") == 2:
        return clause, [wanted_low, wanted_high]
    return clause, [wanted_low if prefix in _USES_LOW else wanted_high]


_TERMS: Mapping[str, Callable[[str, str, str], Sql]] = {
    "token": _token,
    "reference": _reference,
    "string": _string,
    "uri": _uri,
    "date": _date_term,
    "quantity": _quantity,
    "number": _quantity,
}
