"""FHIR transactions of ten entries, beside sekmet-fhir."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import requests
from tools.bench.measure import Measurement, stopwatch

_TRANSACTIONS = 50
_NUMBERS = itertools.count()
_SYSTEM = "https://example.org/bench"
_HEADERS = {"Content-Type": "application/fhir+json"}


def measurements(ours: str, theirs: str | None) -> Iterator[Measurement]:
    """Measure two FHIR services by their base addresses."""
    yield Measurement(
        "FHIR R4 transactions of 10 entries (9 creates, 1 conditional create), one client",
        "transactions/s",
        "15/s, goal 25/s",
        "sekmet-fhir 0.1.1" if theirs else "sekmet-fhir is missing (tools/environment peers)",
        lambda: _transact(ours),
        (lambda: _transact(theirs)) if theirs else None,
    )


def _transact(base: str) -> float:
    bundles = [_bundle() for _ in range(_TRANSACTIONS)]
    with requests.Session() as session, stopwatch() as seconds:
        for bundle in bundles:
            answer = session.post(base, json=bundle, headers=_HEADERS)
            answer.raise_for_status()
            statuses = {entry["response"]["status"][:3] for entry in answer.json()["entry"]}
            if statuses != {"201"}:
                raise RuntimeError(f"a transaction answered {statuses}")
        return _TRANSACTIONS / seconds()


def _bundle() -> dict[str, Any]:
    number = next(_NUMBERS)
    patient = {
        "fullUrl": f"urn:uuid:00000000-0000-4000-8000-{number:012d}",
        "resource": {"resourceType": "Patient", "identifier": [_identifier(f"p{number}")]},
        "request": {
            "method": "POST",
            "url": "Patient",
            "ifNoneExist": f"identifier={_SYSTEM}|p{number}",
        },
    }
    observations = [
        {
            "resource": {
                "resourceType": "Observation",
                "status": "final",
                "identifier": [_identifier(f"o{number}-{part}")],
                "code": {"coding": [{"system": "http://loinc.org", "code": "18748-4"}]},
                "subject": {"reference": patient["fullUrl"]},
                "effectiveDateTime": "2026-01-02T10:11:12Z",
                "valueQuantity": {"value": part, "unit": "mm"},
            },
            "request": {"method": "POST", "url": "Observation"},
        }
        for part in range(9)
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": [patient, *observations]}


def _identifier(value: str) -> dict[str, str]:
    return {"system": _SYSTEM, "value": value}
