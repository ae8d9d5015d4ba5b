"""Patient $everything: the patient, what it refers to, and its compartment.

Source: fhir.Patient-everything of healthcare.v1 and
https://hl7.org/fhir/R4/compartmentdefinition-patient.html
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from localcloud.healthcare.fhir.definitions import Definitions, Json
from localcloud.healthcare.fhir.outcomes import deleted, invalid_query, not_found
from localcloud.healthcare.fhir.pages import decode_token, fill, parse_count
from localcloud.healthcare.fhir.records import Query, Record, Records
from localcloud.healthcare.fhir.references import parse_local, references
from localcloud.healthcare.fhir.search import entry, searchset
from localcloud.healthcare.fhir.settings import StoreSettings
from localcloud.healthcare.fhir.temporal import EARLIEST, LATEST, date_range

# When care was given, for `start` and `end`; a resource that has no such date is always in scope.
# Source: https://hl7.org/fhir/R4/patient-operation-everything.html
_CARE_DATES = (
    "authored", "authored-on", "authoredon", "collected", "created", "date", "effective",
    "effective-time", "occurrence", "onset-date", "period", "recorded-date", "sent", "started",
    "whenhandedover",
)  # fmt: skip
_HEAD, _COMPARTMENT = 0, 1


@dataclass(frozen=True)
class Everything:
    """The operation on one store."""

    settings: StoreSettings
    definitions: Definitions
    query: Query

    def run(self, patient_id: str, pairs: Iterable[tuple[str, str]]) -> Json:
        """Return a page of everything about a patient.

        Raises
        ------
        FhirError
            404 or 410 when the patient is not there, 400 for a parameter that cannot be read.
        """
        pairs = list(pairs)
        options = dict(pairs)
        name = f"Patient/{patient_id}"
        places = self._places(name, self._patient(patient_id), options)
        total = len(places)
        if cursor := decode_token(options.get("_page_token", ""), 2):
            places = [place for place in places if place > cursor]
        count = parse_count(options.get("_count", ""))
        rows = list(fill(self.query, [key for _, key in places[:count]]))
        entries = [entry(self.settings.base, json.loads(row["body"]), "match") for _, row in rows]
        last = rows[-1][0] if rows else 0
        following = places[last - 1] if 0 < last < len(places) else None
        url = f"{self.settings.base}/{name}/$everything"
        return searchset(url, pairs, entries, total, following)

    def keys(self, patient_id: str, options: Mapping[str, str]) -> list[int]:
        """Return the keys of everything about a patient, the patient first."""
        places = self._places(f"Patient/{patient_id}", self._patient(patient_id), options)
        return [key for _, key in places]

    def _patient(self, patient_id: str) -> Record:
        patient = self._records().get("Patient", patient_id)
        if patient is None or patient.deleted:
            name = f"Patient/{patient_id}"
            raise deleted(name) if patient else not_found(name)
        return patient

    def _records(self) -> Records:
        return Records(self.settings.name, self.query)

    def _places(
        self, name: str, patient: Record, options: Mapping[str, str]
    ) -> list[tuple[int, int]]:
        types = {item for item in options.get("_type", "").split(",") if item}
        since = _moment("_since", options.get("_since", ""), 0, EARLIEST)
        head = self._head(patient)
        chosen = [
            key
            for key, record in head.items()
            if (not types or record.resource["resourceType"] in types) and record.version >= since
        ]
        rest = self._compartment(name, types, since, options)
        return [(_HEAD, key) for key in sorted(chosen, key=lambda key: key != patient.key)] + [
            (_COMPARTMENT, key) for key in rest if key not in head
        ]

    def _head(self, patient: Record) -> dict[int, Record]:
        """Return the patient and what it refers to."""
        records = self._records()
        found = {patient.key: patient}
        inside = self.settings.references_in_extensions
        for _, text in references(patient.resource, inside):
            local = parse_local(text, self.settings.base)
            record = records.get(local.type, local.id) if local else None
            if record is not None and not record.deleted:
                found[record.key] = record
        return found

    def _compartment(
        self, name: str, types: set[str], since: int, options: Mapping[str, str]
    ) -> list[int]:
        members = [
            f"{resource_type}:{parameter}"
            for resource_type, parameters in self.definitions.patient_compartment.items()
            if not types or resource_type in types
            for parameter in parameters
        ]
        rows = self.query(
            "SELECT DISTINCT r.key FROM fhir_index i JOIN fhir_resource r ON r.key = i.resource"
            " JOIN json_each(?) m ON m.value = r.type || ':' || i.parameter"
            " WHERE i.value = ? AND r.store = ? AND NOT r.deleted AND r.replaced_at IS NULL"
            " AND r.version >= ? AND (NOT EXISTS (SELECT 1 FROM fhir_index d JOIN json_each(?) c"
            " ON d.parameter = c.value WHERE d.resource = r.key) OR EXISTS (SELECT 1"
            " FROM fhir_index d JOIN json_each(?) c ON d.parameter = c.value"
            " WHERE d.resource = r.key AND d.high >= ? AND d.low <= ?)) ORDER BY r.key",
            (
                json.dumps(members),
                name,
                self.settings.name,
                since,
                json.dumps(_CARE_DATES),
                json.dumps(_CARE_DATES),
                _moment("start", options.get("start", ""), 0, EARLIEST),
                _moment("end", options.get("end", ""), 1, LATEST),
            ),
        )
        return [row["key"] for row in rows]


def _moment(name: str, text: str, bound: int, default: int) -> int:
    if not text:
        return default
    try:
        return date_range(text.replace(" ", "+"))[bound]
    except ValueError as error:
        raise invalid_query(f"invalid {name}: want a date or an instant with its zone") from error
