"""References by search, such as ``Patient?identifier=abc``, which bundles may contain.

The search must have exactly one match, whether or not the store enforces referential integrity.
Source: https://cloud.google.com/healthcare-api/docs/concepts/fhir-references#conditional_references
"""

# ruff: noqa: S608 - the SQL is put together from constants of the code; values are bound.
from __future__ import annotations

from urllib.parse import parse_qsl

from localcloud.healthcare.fhir.definitions import Json
from localcloud.healthcare.fhir.lag import NEWEST, View, is_synchronous
from localcloud.healthcare.fhir.outcomes import FhirError, invalid_query, precondition_failed
from localcloud.healthcare.fhir.references import is_conditional, references
from localcloud.healthcare.fhir.search_query import parse_search
from localcloud.healthcare.fhir.search_sql import Scope
from localcloud.healthcare.fhir.work import Work


def resolve_conditional(work: Work, resource: Json) -> None:
    """Replace every reference by search by the name of its match, in place.

    Raises
    ------
    FhirError
        400 when nothing matches, 412 when several resources do.
    """
    for holder, text in references(resource, work.settings.references_in_extensions):
        if is_conditional(text):
            holder["reference"] = _match(work, text)


def _match(work: Work, text: str) -> str:
    resource_type, _, query = text.partition("?")
    pairs = parse_qsl(query)
    if not pairs:
        raise invalid_query("a conditional reference needs a criterion: Type?identifier=value")
    search = parse_search(resource_type, pairs, work.definitions, strict=True)
    view = NEWEST if is_synchronous(pairs) else View(work.lag, work.now())
    condition, arguments = Scope(work.settings.name, work.settings.base, view).where(search)
    rows = work.tx.execute(
        f"SELECT r.id FROM fhir_resource r WHERE {condition} LIMIT 2", arguments
    ).fetchall()
    if not rows:
        raise FhirError(
            400, "value", "reference_not_found", f"no {resource_type} matches the reference"
        )
    if len(rows) > 1:
        raise precondition_failed(f"more than one {resource_type} matches the reference")
    return f"{resource_type}/{rows[0]['id']}"
