"""Search criteria as SQL over the index.

Source: https://hl7.org/fhir/R4/search.html
"""

# ruff: noqa: S608 - the SQL is put together from constants of this module; values are bound.
from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from localcloud.healthcare.fhir import value_sets
from localcloud.healthcare.fhir.criteria import split_parts, unescape
from localcloud.healthcare.fhir.index import NARRATIVE, TEXT_SUFFIX, fold
from localcloud.healthcare.fhir.lag import Sql, View
from localcloud.healthcare.fhir.outcomes import invalid_query
from localcloud.healthcare.fhir.search_query import Criterion, SearchQuery
from localcloud.healthcare.fhir.terms import last_updated, term

_EVERY_WORD = "instr(lower(coalesce(i.value, '') || ' ' || coalesce(i.system, '')), ?) > 0"


@dataclass(frozen=True)
class Scope:
    """What a search looks at: one store, by name and base URL, and which state of it."""

    store: str
    base: str
    view: View

    def where(self, query: SearchQuery) -> Sql:
        """Return the condition on ``fhir_resource r`` that a search stands for."""
        condition, arguments = self._live(query.types)
        clauses = [condition]
        for criterion in query.criteria:
            clause, values = self._criterion(criterion)
            clauses.append(clause)
            arguments += values
        return " AND ".join(clauses), arguments

    def _live(self, types: tuple[str, ...]) -> Sql:
        visible, times = self.view.condition
        condition, arguments = f"r.store = ? AND {visible}", [self.store, *times]
        if types:
            condition += f" AND r.type IN ({', '.join('?' * len(types))})"
        return condition, [*arguments, *types]

    def _criterion(self, criterion: Criterion) -> Sql:
        if (own := _OWN_TERMS.get(criterion.parameter.name)) is not None:
            return own(criterion)
        if criterion.modifier == "missing":
            return _missing(criterion)
        if criterion.referring is not None:
            return self._referred(criterion, *criterion.referring)
        if criterion.chain:
            return self._chained(criterion)
        if criterion.parameter.type == "composite":
            return self._composite(criterion)
        return self._plain(criterion)

    def _plain(self, criterion: Criterion) -> Sql:
        parameter, modifier = criterion.parameter, criterion.modifier
        if modifier in value_sets.MODIFIERS:
            terms = [value_sets.listed(unescape(value), self.store) for value in criterion.values]
        else:
            terms = [term(parameter, modifier, value, self.base) for value in criterion.values]
        condition, arguments = _either(terms)
        negation = "NOT " if modifier in {"not", "not-in"} else ""
        suffix = TEXT_SUFFIX if modifier == "text" else ""
        return (
            f"{negation}r.key IN (SELECT i.resource FROM fhir_index i"
            f" WHERE i.parameter = ? AND {condition})",
            [parameter.name + suffix, *arguments],
        )

    def _composite(self, criterion: Criterion) -> Sql:
        """All parts must be found at one place: in one component, or on the resource itself."""
        components = criterion.parameter.components
        terms: list[Sql] = []
        for value in criterion.values:
            parts = split_parts(value)
            if len(parts) != len(components):
                raise invalid_query(f"{criterion.parameter.name} takes {len(components)} parts")
            clauses, arguments = [], []
            for component, part in zip(components, parts, strict=True):
                condition, values = term(component, "", part, self.base)
                clauses.append(
                    "SELECT i.resource, i.place FROM fhir_index i"
                    f" WHERE i.parameter = ? AND {condition}"
                )
                arguments += [component.name, *values]
            both = " INTERSECT ".join(clauses)
            terms.append((f"r.key IN (SELECT resource FROM ({both}))", arguments))
        return _either(terms)

    def _chained(self, criterion: Criterion) -> Sql:
        terms: list[Sql] = []
        for resource_type, inner in criterion.chain:
            live, times = self._live((resource_type,))
            clause, values = self._criterion(inner)
            terms.append(
                (
                    "i.value IN (SELECT r.type || '/' || r.id FROM fhir_resource r"
                    f" WHERE {live} AND {clause})",
                    [*times, *values],
                )
            )
        condition, arguments = _either(terms)
        return (
            f"r.key IN (SELECT i.resource FROM fhir_index i WHERE i.parameter = ? AND {condition})",
            [criterion.parameter.name, *arguments],
        )

    def _referred(self, criterion: Criterion, resource_type: str, inner: Criterion) -> Sql:
        """``_has``: a resource of another type, which matches, refers to this one."""
        live, times = self._live((resource_type,))
        clause, values = self._criterion(inner)
        return (
            "r.type || '/' || r.id IN (SELECT i.value FROM fhir_index i WHERE i.parameter = ?"
            f" AND i.resource IN (SELECT r.key FROM fhir_resource r WHERE {live} AND {clause}))",
            [criterion.parameter.name, *times, *values],
        )


def sort_terms(query: SearchQuery) -> list[tuple[Sql, bool]]:
    """Return what to order by, each with whether it descends; newest first is the default."""
    terms: list[tuple[Sql, bool]] = []
    for parameter, descending in query.sort:
        if parameter.name == "_lastUpdated":
            terms.append((("r.version", []), descending))
        elif parameter.name == "_id":
            terms.append((("r.id", []), descending))
        else:
            column = "low" if parameter.type in {"date", "number", "quantity"} else "value"
            first = (
                f"(SELECT i.{column} FROM fhir_index i WHERE i.resource = r.key"
                " AND i.parameter = ? ORDER BY i.rowid LIMIT 1)"
            )
            terms.append(((first, [parameter.name]), descending))
    return [*terms, (("r.version", []), True), (("r.key", []), True)]


def _either(terms: list[Sql]) -> Sql:
    condition = " OR ".join(clause for clause, _ in terms)
    return f"({condition})", [value for _, values in terms for value in values]


def _ids(criterion: Criterion) -> Sql:
    marks = ", ".join("?" * len(criterion.values))
    return f"r.id IN ({marks})", [unescape(value) for value in criterion.values]


def _updated(criterion: Criterion) -> Sql:
    return _either([last_updated(value) for value in criterion.values])


def _missing(criterion: Criterion) -> Sql:
    if criterion.values not in {("true",), ("false",)}:
        raise invalid_query(":missing must be true or false")
    negation = "NOT " if criterion.values == ("true",) else ""
    return (
        f"{negation}EXISTS (SELECT 1 FROM fhir_index i"
        " WHERE i.resource = r.key AND i.parameter = ?)",
        [criterion.parameter.name],
    )


def _words(criterion: Criterion) -> Sql:
    """``_text`` looks in the narrative, ``_content`` in all that is searchable; for every word."""
    narrative = criterion.parameter.name == "_text"
    words = [fold(word) for word in " ".join(criterion.values).split()]
    where = "i.resource = r.key" + (" AND i.parameter = ?" if narrative else "")
    clause = f"EXISTS (SELECT 1 FROM fhir_index i WHERE {where} AND {_EVERY_WORD})"
    found = [[NARRATIVE, word] if narrative else [word] for word in words]
    return " AND ".join([clause] * len(words)) or "0", [item for pair in found for item in pair]


_OWN_TERMS: Mapping[str, Callable[[Criterion], Sql]] = {
    "_id": _ids,
    "_lastUpdated": _updated,
    "_text": _words,
    "_content": _words,
}
