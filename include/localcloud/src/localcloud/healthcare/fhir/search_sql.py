"""Search criteria as SQL over the index.

Source: https://hl7.org/fhir/R4/search.html for the meaning of each type and prefix
"""

# ruff: noqa: S608 - the SQL is put together from constants of this module; values are bound.
from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from localcloud.healthcare.fhir.criteria import split_token, unescape
from localcloud.healthcare.fhir.definitions import SearchParameter
from localcloud.healthcare.fhir.index import fold
from localcloud.healthcare.fhir.outcomes import invalid_query
from localcloud.healthcare.fhir.references import parse_local
from localcloud.healthcare.fhir.search_query import Criterion, SearchQuery
from localcloud.healthcare.fhir.temporal import date_range

Sql = tuple[str, list[Any]]

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


def where(query: SearchQuery, store: str, base: str) -> Sql:
    """Return the condition on ``fhir_resource r`` that a search stands for."""
    clauses, arguments = ["r.store = ?", "NOT r.deleted"], [store]
    if query.types:
        clauses.append(f"r.type IN ({', '.join('?' * len(query.types))})")
        arguments += query.types
    for criterion in query.criteria:
        clause, values = _criterion(criterion, store, base)
        clauses.append(clause)
        arguments += values
    return " AND ".join(clauses), arguments


def order_by(query: SearchQuery) -> Sql:
    """Return the ORDER BY terms; newest first is the default and the last tie-breaker."""
    terms, arguments = [], []
    for parameter, descending in query.sort:
        direction = "DESC" if descending else "ASC"
        if parameter.name == "_lastUpdated":
            terms.append(f"r.version {direction}")
        elif parameter.name == "_id":
            terms.append(f"r.id {direction}")
        else:
            column = "low" if parameter.type in {"date", "number", "quantity"} else "value"
            terms.append(
                f"(SELECT i.{column} FROM fhir_index i WHERE i.resource = r.key"
                f" AND i.parameter = ? ORDER BY i.rowid LIMIT 1) {direction} NULLS LAST"
            )
            arguments.append(parameter.name)
    return ", ".join([*terms, "r.version DESC", "r.key DESC"]), arguments


def _criterion(criterion: Criterion, store: str, base: str) -> Sql:
    parameter = criterion.parameter
    if parameter.name == "_id":
        marks = ", ".join("?" * len(criterion.values))
        return f"r.id IN ({marks})", [unescape(value) for value in criterion.values]
    if parameter.name == "_lastUpdated":
        return _either([_range("r.version", "r.version", *_date(v)) for v in criterion.values])
    if criterion.modifier == "missing":
        return _missing(criterion)
    if criterion.chain:
        return _chained(criterion, store, base)
    terms = [_TERMS[parameter.type](value, criterion.modifier, base) for value in criterion.values]
    if parameter.type == "reference":
        terms = [
            _typed(term, value, parameter, base)
            for term, value in zip(terms, criterion.values, strict=True)
        ]
    condition, arguments = _either(terms)
    negation = "NOT " if criterion.modifier == "not" else ""
    return (
        f"{negation}r.key IN (SELECT i.resource FROM fhir_index i"
        f" WHERE i.parameter = ? AND {condition})",
        [parameter.name, *arguments],
    )


def _either(terms: list[Sql]) -> Sql:
    condition = " OR ".join(clause for clause, _ in terms)
    return f"({condition})", [value for _, values in terms for value in values]


def _missing(criterion: Criterion) -> Sql:
    if criterion.values not in {("true",), ("false",)}:
        raise invalid_query(":missing must be true or false")
    negation = "NOT " if criterion.values == ("true",) else ""
    return (
        f"{negation}EXISTS (SELECT 1 FROM fhir_index i"
        " WHERE i.resource = r.key AND i.parameter = ?)",
        [criterion.parameter.name],
    )


def _chained(criterion: Criterion, store: str, base: str) -> Sql:
    terms, arguments = [], []
    for resource_type, inner in criterion.chain:
        clause, values = _criterion(inner, store, base)
        terms.append(
            "i.value IN (SELECT r.type || '/' || r.id FROM fhir_resource r"
            f" WHERE r.store = ? AND r.type = ? AND NOT r.deleted AND {clause})"
        )
        arguments += [store, resource_type, *values]
    return (
        "r.key IN (SELECT i.resource FROM fhir_index i"
        f" WHERE i.parameter = ? AND ({' OR '.join(terms)}))",
        [criterion.parameter.name, *arguments],
    )


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


def _typed(term: Sql, value: str, parameter: SearchParameter, base: str) -> Sql:
    if "/" in value or ":" in value:
        return term
    # A bare id may name any type the parameter refers to.
    if not parameter.targets:
        return "substr(i.value, instr(i.value, '/') + 1) = ?", [value]
    marks = ", ".join("?" * len(parameter.targets))
    return f"i.value IN ({marks})", [f"{name}/{value}" for name in parameter.targets]


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
