"""``:in`` and ``:not-in``: is a code among those that a ValueSet of the store lists?

What a value set lists is its expansion and the concepts, or whole code systems, that it includes;
filters and other value sets would need a terminology server.
Source: https://hl7.org/fhir/R4/search.html#token and fhir.search of healthcare.v1
"""

# ruff: noqa: S608 - the SQL is put together from constants of this module; values are bound.
from __future__ import annotations

from localcloud.healthcare.fhir.lag import Sql
from localcloud.healthcare.fhir.outcomes import invalid_query
from localcloud.healthcare.fhir.records import Query

MODIFIERS = frozenset({"in", "not-in"})

_FOUND = (
    "fhir_resource v WHERE v.store = ? AND v.type = 'ValueSet' AND NOT v.deleted"
    " AND v.replaced_at IS NULL AND (v.id = ? OR v.key IN (SELECT u.resource FROM fhir_index u"
    " WHERE u.parameter = 'url' AND u.value = ?))"
)
_SETS = f"(SELECT v.body FROM {_FOUND}) s"
_INCLUDED = (
    "SELECT json_extract(n.value, '$.system'), json_extract(c.value, '$.code') FROM"
    f" {_SETS}, json_each(s.body, '$.compose.include') n, json_each(n.value, '$.concept') c"
)
_EXPANDED = (
    "SELECT json_extract(c.value, '$.system'), json_extract(c.value, '$.code') FROM"
    f" {_SETS}, json_each(s.body, '$.expansion.contains') c"
)
_SYSTEMS = (
    "SELECT json_extract(n.value, '$.system') FROM"
    f" {_SETS}, json_each(s.body, '$.compose.include') n"
    " WHERE json_extract(n.value, '$.concept') IS NULL"
    " AND json_extract(n.value, '$.filter') IS NULL"
    " AND json_extract(n.value, '$.valueSet') IS NULL"
)


def listed(reference: str, store: str) -> Sql:
    """Return the condition that ``fhir_index i`` holds a code of the value set."""
    return (
        f"((i.system, i.value) IN ({_INCLUDED} UNION {_EXPANDED}) OR i.system IN ({_SYSTEMS}))",
        _arguments(reference, store) * 3,
    )


def require(reference: str, store: str, query: Query) -> None:
    """Do nothing when the store has the value set, by URL or as ``ValueSet/id``.

    Raises
    ------
    FhirError
        400 when it has not: to find nothing, or everything, would be an answer to something else.
    """
    if not query(f"SELECT 1 FROM {_FOUND} LIMIT 1", _arguments(reference, store)):
        raise invalid_query("the store has no such ValueSet: create it first")


def _arguments(reference: str, store: str) -> list[object]:
    return [store, reference.removeprefix("ValueSet/"), reference.partition("|")[0]]
