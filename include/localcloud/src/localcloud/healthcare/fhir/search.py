"""Searches run: matches, included resources, pages, trimmed elements.

Source: https://hl7.org/fhir/R4/search.html and https://hl7.org/fhir/R4/bundle.html#searchset
"""

# ruff: noqa: S608 - the SQL is put together from constants of the code; values are bound.
from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable

from localcloud.healthcare.fhir import value_sets
from localcloud.healthcare.fhir.definitions import Definitions, Json
from localcloud.healthcare.fhir.lag import View
from localcloud.healthcare.fhir.pages import Cursor, after, fill, page_links
from localcloud.healthcare.fhir.records import Query
from localcloud.healthcare.fhir.search_query import Inclusion, SearchQuery
from localcloud.healthcare.fhir.search_sql import Scope, sort_terms
from localcloud.healthcare.fhir.settings import StoreSettings

_ALWAYS_KEPT = frozenset({"resourceType", "id", "meta"})
_SUBSETTED = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "SUBSETTED",
}
_MAX_ITERATIONS = 5
_MAX_INCLUDED = 1000


class Searcher:
    """Searches one store through one connection."""

    def __init__(
        self, settings: StoreSettings, definitions: Definitions, query: Query, view: View
    ) -> None:
        self._settings = settings
        self._definitions = definitions
        self._query = query
        self._view = view
        self._scope = Scope(settings.name, settings.base, view)

    def run(self, search: SearchQuery, path: str, pairs: Iterable[tuple[str, str]]) -> Json:
        """Return the searchset bundle of one page.

        Parameters
        ----------
        path, pairs
            The request below ``fhir`` and its query, for the bundle's links.
        """
        for criterion in search.criteria:
            for reference in criterion.value_sets():
                value_sets.require(reference, self._settings.name, self._query)
        places = self._places(search)
        page = list(fill(self._query, [place[-1] for place in places[: search.count]]))
        matches = [row for _, row in page]
        last = page[-1][0] if page else 0
        included = self._included(search, matches)
        entries = [self._entry(row, search, "match") for row in matches]
        entries += [self._entry(row, search, "include") for row in included]
        return searchset(
            f"{self._settings.base}{path}",
            pairs,
            entries,
            self._total(search) if search.total else None,
            tuple(places[last - 1]) if 0 < last < len(places) else None,
        )

    def _total(self, search: SearchQuery) -> int:
        condition, arguments = self._scope.where(search)
        sql = f"SELECT count(*) AS n FROM fhir_resource r WHERE {condition}"
        return int(self._query(sql, arguments)[0]["n"])

    def _places(self, search: SearchQuery) -> list[sqlite3.Row]:
        """Return the sort values, version and key of a page's matches, and of one more."""
        condition, arguments = self._scope.where(search)
        terms = sort_terms(search)
        columns = [(f"s{index}", descending) for index, (_, descending) in enumerate(terms)]
        selected = ", ".join(f"{sql} AS s{index}" for index, ((sql, _), _) in enumerate(terms))
        values = [value for (_, given), _ in terms for value in given]
        following, cursor = after(columns, search.after) if search.after else ("1", [])
        order = ", ".join(
            f"{name} {'DESC' if down else 'ASC'} NULLS LAST" for name, down in columns
        )
        return self._query(
            f"SELECT * FROM (SELECT {selected} FROM fhir_resource r WHERE {condition})"
            f" WHERE {following} ORDER BY {order} LIMIT ?",
            [*values, *arguments, *cursor, search.count + 1 if search.count else 0],
        )

    def _entry(self, row: sqlite3.Row, search: SearchQuery, mode: str) -> Json:
        resource = _trim(json.loads(row["body"]), search, self._definitions)
        return entry(self._settings.base, resource, mode)

    def _included(self, search: SearchQuery, matches: list[sqlite3.Row]) -> list[sqlite3.Row]:
        seen = {row["key"] for row in matches}
        found: list[sqlite3.Row] = []
        frontier = matches
        for iteration in range(_MAX_ITERATIONS):
            rows: list[sqlite3.Row] = []
            for inclusion in search.includes:
                if iteration == 0 or inclusion.iterate:
                    rows += self._forward(inclusion, frontier)
            for inclusion in search.revincludes:
                if iteration == 0 or inclusion.iterate:
                    rows += self._backward(inclusion, frontier)
            frontier = []
            for row in rows:
                if row["key"] not in seen:
                    seen.add(row["key"])
                    frontier.append(row)
            found += frontier
            if not frontier or len(found) > _MAX_INCLUDED:
                break
        return found[:_MAX_INCLUDED]

    def _forward(self, inclusion: Inclusion, rows: list[sqlite3.Row]) -> list[sqlite3.Row]:
        keys = [row["key"] for row in rows if inclusion.type in {"", row["type"]}]
        parameters = self._reference_parameters(inclusion, {row["type"] for row in rows})
        if not keys or not parameters:
            return []
        visible, times = self._view.condition
        return self._query(
            "SELECT DISTINCT r.key, r.type, r.id, r.body FROM fhir_index i"
            " JOIN json_each(?) k ON i.resource = k.value JOIN json_each(?) p"
            " ON i.parameter = p.value JOIN fhir_resource r"
            " ON r.type || '/' || r.id = i.value"
            " WHERE r.store = ? AND r.type = substr(i.value, 1, instr(i.value, '/') - 1)"
            f" AND r.id = substr(i.value, instr(i.value, '/') + 1) AND {visible}"
            " AND (? = '' OR r.type = ?) LIMIT ?",
            (
                json.dumps(keys),
                json.dumps(sorted(parameters)),
                self._settings.name,
                *times,
                inclusion.target,
                inclusion.target,
                _MAX_INCLUDED,
            ),
        )

    def _backward(self, inclusion: Inclusion, rows: list[sqlite3.Row]) -> list[sqlite3.Row]:
        names = [f"{row['type']}/{row['id']}" for row in rows]
        visible, times = self._view.condition
        return self._query(
            "SELECT DISTINCT r.key, r.type, r.id, r.body FROM fhir_index i"
            " JOIN json_each(?) n ON i.value = n.value"
            " JOIN fhir_resource r ON r.key = i.resource"
            f" WHERE i.parameter = ? AND r.store = ? AND r.type = ? AND {visible} LIMIT ?",
            (
                json.dumps(names),
                inclusion.parameter,
                self._settings.name,
                inclusion.type,
                *times,
                _MAX_INCLUDED,
            ),
        )

    def _reference_parameters(self, inclusion: Inclusion, types: set[str]) -> set[str]:
        if inclusion.parameter != "*":
            return {inclusion.parameter}
        return {
            parameter.name
            for name in types
            for parameter in self._definitions.search[name].values()
            if parameter.type == "reference"
        }


def entry(base: str, resource: Json, mode: str) -> Json:
    """Return a searchset entry."""
    return {
        "fullUrl": f"{base}/{resource['resourceType']}/{resource['id']}",
        "resource": resource,
        "search": {"mode": mode},
    }


def searchset(
    url: str,
    pairs: Iterable[tuple[str, str]],
    entries: list[Json],
    total: int | None,
    following: Cursor | None,
) -> Json:
    """Return a searchset bundle with its links."""
    bundle: Json = {"resourceType": "Bundle", "type": "searchset"}
    bundle |= {} if total is None else {"total": total}
    bundle["link"] = page_links(url, pairs, following)
    return bundle | ({"entry": entries} if entries else {})


def _trim(resource: Json, search: SearchQuery, definitions: Definitions) -> Json:
    kept: frozenset[str]
    if search.summary == "data":
        kept = frozenset(resource) - {"text"}
    elif search.summary == "text" or search.elements:
        required = {
            name
            for name, element in definitions.elements[resource["resourceType"]].items()
            if element.required
        }
        kept = _ALWAYS_KEPT | required | frozenset(search.elements or ("text",))
    else:
        return resource
    trimmed = {name: value for name, value in resource.items() if name.lstrip("_") in kept}
    meta = dict(trimmed.get("meta", {}))
    meta["tag"] = [*meta.get("tag", []), _SUBSETTED]
    return trimmed | {"meta": meta}
