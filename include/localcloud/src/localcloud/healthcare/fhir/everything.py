"""Patient $everything: the patient, what it refers to, and its compartment.

Source: fhir.Patient-everything of healthcare.v1 and
https://hl7.org/fhir/R4/compartmentdefinition-patient.html
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from localcloud.healthcare.fhir.definitions import Definitions, Json
from localcloud.healthcare.fhir.outcomes import deleted, invalid_query, not_found, not_supported
from localcloud.healthcare.fhir.records import Query, Records
from localcloud.healthcare.fhir.references import parse_local, references
from localcloud.healthcare.fhir.search import entry, searchset
from localcloud.healthcare.fhir.search_query import decode_token, parse_count
from localcloud.healthcare.fhir.settings import StoreSettings
from localcloud.healthcare.fhir.temporal import date_range


def patient_everything(
    settings: StoreSettings,
    definitions: Definitions,
    query: Query,
    patient_id: str,
    pairs: Iterable[tuple[str, str]],
) -> Json:
    """Return a page of everything about a patient.

    Raises
    ------
    FhirError
        404 or 410 when the patient is not there, 400 for a parameter that cannot be read.
    """
    pairs = list(pairs)
    options = dict(pairs)
    if options.keys() & {"start", "end"}:
        raise not_supported("start and end are not served by the local cloud: use _since")
    records = Records(settings.name, query)
    name = f"Patient/{patient_id}"
    patient = records.get("Patient", patient_id)
    if patient is None or patient.deleted:
        raise deleted(name) if patient else not_found(name)
    wanted = {item for item in options.get("_type", "").split(",") if item}
    since = _since(options.get("_since", ""))
    found = [
        resource
        for version, resource in _members(settings, definitions, query, patient.resource)
        if (not wanted or resource["resourceType"] in wanted) and version >= since
    ]
    count = parse_count(options.get("_count", ""))
    offset = decode_token(token) if (token := options.get("_page_token", "")) else 0
    page = found[offset : offset + count]
    rest = offset + len(page) if offset + len(page) < len(found) else None
    entries = [entry(settings.base, resource, "match") for resource in page]
    return searchset(f"{settings.base}/{name}/$everything", pairs, entries, len(found), rest)


def _since(text: str) -> float:
    if not text:
        return float("-inf")
    try:
        return date_range(text.replace(" ", "+"))[0]
    except ValueError as error:
        raise invalid_query("invalid _since: want an instant with its zone") from error


def _members(
    settings: StoreSettings, definitions: Definitions, query: Query, patient: Json
) -> Iterable[tuple[int, Json]]:
    name = f"Patient/{patient['id']}"
    rows = query(
        "SELECT DISTINCT r.key, r.type, r.version, r.body, i.parameter FROM fhir_index i"
        " JOIN fhir_resource r ON r.key = i.resource"
        " WHERE i.value = ? AND r.store = ? AND NOT r.deleted ORDER BY r.key",
        (name, settings.name),
    )
    records = Records(settings.name, query)
    names = {name}
    members = [patient]
    for _, text in references(patient, settings.references_in_extensions):
        local = parse_local(text, settings.base)
        record = records.get(local.type, local.id) if local else None
        if local and record and not record.deleted and local.name not in names:
            names.add(local.name)
            members.append(record.resource)
    for row in rows:
        member = json.loads(row["body"])
        label = f"{row['type']}/{member['id']}"
        if row["parameter"] in definitions.patient_compartment.get(row["type"], ()):
            members += [member] if label not in names else []
            names.add(label)
    for resource in members:
        yield date_range(resource["meta"]["lastUpdated"])[0], resource
