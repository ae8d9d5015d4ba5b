"""Candidates that newer findings no longer have."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.core.fhir.cases import ANOMALY, OBJECT, ct_analysis, ct_facts, study_findings

from wetread.core.fhir.bundle import build_transaction
from wetread.core.fhir.subject import SubjectReference
from wetread.core.fhir.withdrawal import with_withdrawals
from wetread.core.findings import StudyFindings

BEFORE = study_findings(ct_analysis(ANOMALY, OBJECT))
NOW = study_findings(ct_analysis(ANOMALY))


def transaction(findings: StudyFindings) -> dict[str, Any]:
    return build_transaction(findings, ct_facts(), SubjectReference())


def stored_observations() -> list[dict[str, Any]]:
    """Return the Observations of ``BEFORE`` as a store gives them back."""
    return [
        {**entry["resource"], "id": f"o{number}", "meta": {"versionId": "1"}}
        for number, entry in enumerate(transaction(BEFORE)["entry"])
        if entry["resource"]["resourceType"] == "Observation"
    ]


def added(findings: StudyFindings, existing: list[dict[str, Any]]) -> list[dict[str, Any]]:
    plain = transaction(findings)
    entries: list[dict[str, Any]] = with_withdrawals(plain, findings, existing)["entry"]
    assert entries[: len(plain["entry"])] == plain["entry"]
    return entries[len(plain["entry"]) :]


def test_a_candidate_that_is_gone_is_cancelled_under_its_own_name() -> None:
    (entry,) = added(NOW, stored_observations())
    original = transaction(BEFORE)["entry"][2]
    assert entry["request"] == original["request"]
    assert entry["resource"] == {**original["resource"], "status": "cancelled"}


def test_nothing_is_cancelled_while_an_analysis_is_missing() -> None:
    assert added(replace(NOW, missing_rows=("series-2",)), stored_observations()) == []


def test_nothing_is_cancelled_when_nothing_is_gone() -> None:
    assert added(BEFORE, stored_observations()) == []


def test_what_a_person_decided_or_wrote_stays() -> None:
    decided = [{**o, "status": "final"} for o in stored_observations()]
    foreign = [{**o, "identifier": [{"value": "1"}]} for o in stored_observations()]
    assert added(NOW, decided + foreign) == []
