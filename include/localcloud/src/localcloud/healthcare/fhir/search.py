"""Searches run: matches, included resources, pages, trimmed elements.

Source: https://hl7.org/fhir/R4/search.html and https://hl7.org/fhir/R4/bundle.html#searchset
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from urllib.parse import urlencode

from localcloud.healthcare.fhir.definitions import Definitions, Json
from localcloud.healthcare.fhir.records import Query
from localcloud.healthcare.fhir.search_query import Inclusion, SearchQuery, encode_token
from localcloud.healthcare.fhir.search_sql import order_by, where
from localcloud.healthcare.fhir.settings import StoreSettings

_ALWAYS_KEPT = frozenset({"resourceType", "id", "meta"})
_SUBSETTED = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "SUBSETTED",
}
_MAX_ITERATIONS = 5


class Searcher:
    """Searches one store through one connection."""

    def __init__(self, settings: StoreSettings, definitions: Definitions, query: Query) -> None:
        self._settings = settings
        self._definitions = definitions
        self._query = query

    def run(self, search: SearchQuery, path: str, pairs: Iterable[tuple[str, str]]) -> Json:
        """Return the searchset bundle of one page.

        Parameters
        ----------
        path, pairs
            The request below ``fhir`` and its query, for the bundle's links.
        """
        condition, arguments = where(search, self._settings.name, self._settings.base)
        order, order_arguments = order_by(search)
        total = self._query(
            f"SELECT count(*) AS n FROM fhir_resource r WHERE {condition}",  # noqa: S608
            arguments,
        )[0]["n"]
        matches = self._query(
            "SELECT r.key, r.type, r.id, r.body FROM fhir_resource r"  # noqa: S608
            f" WHERE {condition} ORDER BY {order} LIMIT ? OFFSET ?",
            [*arguments, *order_arguments, search.count, search.offset],
        )
        included = self._included(search, matches)
        entries = [self._entry(row, search, "match") for row in matches]
        entries += [self._entry(row, search, "include") for row in included]
        more = search.count > 0 and search.offset + len(matches) < total
        next_offset = search.offset + len(matches) if more else None
        return searchset(f"{self._settings.base}{path}", pairs, entries, total, next_offset)

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
            if not frontier:
                break
        return found

    def _forward(self, inclusion: Inclusion, rows: list[sqlite3.Row]) -> list[sqlite3.Row]:
        keys = [row["key"] for row in rows if inclusion.type in {"", row["type"]}]
        parameters = self._reference_parameters(inclusion, {row["type"] for row in rows})
        if not keys or not parameters:
            return []
        return self._query(
            "SELECT DISTINCT r.key, r.type, r.id, r.body FROM fhir_index i"
            " JOIN json_each(?) k ON i.resource = k.value JOIN json_each(?) p"
            " ON i.parameter = p.value JOIN fhir_resource r"
            " ON r.type || '/' || r.id = i.value"
            " WHERE r.store = ? AND r.type = substr(i.value, 1, instr(i.value, '/') - 1)"
            " AND r.id = substr(i.value, instr(i.value, '/') + 1) AND NOT r.deleted"
            " AND (? = '' OR r.type = ?)",
            (
                json.dumps(keys),
                json.dumps(sorted(parameters)),
                self._settings.name,
                inclusion.target,
                inclusion.target,
            ),
        )

    def _backward(self, inclusion: Inclusion, rows: list[sqlite3.Row]) -> list[sqlite3.Row]:
        names = [f"{row['type']}/{row['id']}" for row in rows]
        return self._query(
            "SELECT DISTINCT r.key, r.type, r.id, r.body FROM fhir_index i"
            " JOIN json_each(?) n ON i.value = n.value"
            " JOIN fhir_resource r ON r.key = i.resource"
            " WHERE i.parameter = ? AND r.store = ? AND r.type = ? AND NOT r.deleted",
            (json.dumps(names), inclusion.parameter, self._settings.name, inclusion.type),
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
    total: int,
    next_offset: int | None,
) -> Json:
    """Return a searchset bundle with its links."""
    kept = [(name, value) for name, value in pairs if name != "_page_token"]
    links = [{"relation": "self", "url": _link(url, kept)}]
    if next_offset is not None:
        token = encode_token(next_offset)
        links.append({"relation": "next", "url": _link(url, [*kept, ("_page_token", token)])})
    bundle: Json = {"resourceType": "Bundle", "type": "searchset", "total": total, "link": links}
    return bundle | ({"entry": entries} if entries else {})


def _link(url: str, pairs: list[tuple[str, str]]) -> str:
    return f"{url}?{urlencode(pairs)}" if pairs else url


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
