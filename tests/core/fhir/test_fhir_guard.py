"""What a person has decided stays as it is, and is referred to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.core.fhir.cases import (
    NEW,
    NODULE,
    OBJECT,
    REPORT_ID,
    ct_analysis,
    nodule_analysis,
    study_findings,
)
from tests.core.fhir.cases import transaction as transaction_of

from wetread.core.errors import PermanentError
from wetread.core.fhir.filing import OPEN_STATUSES, Filing, file_result
from wetread.core.fhir.guard import OPEN_OBSERVATION_STATUSES
from wetread.core.terminology import concept

FINDINGS = study_findings(ct_analysis(OBJECT), nodule_analysis(NODULE))
DECISIONS = (
    "final",
    "amended",
    "corrected",
    "appended",
    "cancelled",
    "entered-in-error",
    "unknown",
)


def transaction(filing: Filing = NEW) -> dict[str, Any]:
    return transaction_of(FINDINGS, filing=filing)


def stored(bundle: dict[str, Any], resource_type: str, **changes: Any) -> list[dict[str, Any]]:
    """Return a bundle's resources of a type as the store has them."""
    written = (e["resource"] for e in bundle["entry"])
    return [
        {**resource, "id": f"{resource_type}-{n}", "meta": {"versionId": "7"}, **changes}
        for n, resource in enumerate(r for r in written if r["resourceType"] == resource_type)
    ]


def requests(bundle: dict[str, Any], resource_type: str) -> list[dict[str, Any]]:
    entries = bundle["entry"]
    return [e["request"] for e in entries if e["resource"]["resourceType"] == resource_type]


def test_a_new_report_is_refused_where_another_run_was_first() -> None:
    """The other run has changed the ImagingStudy; no condition but these is documented."""
    (study,) = stored(transaction(), "ImagingStudy")
    bundle = transaction(replace(NEW, study=study))
    (request,) = requests(bundle, "ImagingStudy")
    assert request == {"method": "PUT", "url": "ImagingStudy/ImagingStudy-0", "ifMatch": 'W/"7"'}
    assert all(request.keys() <= {"method", "url"} for request in requests(bundle, "Observation"))


@pytest.mark.parametrize("status", sorted(OPEN_STATUSES))
def test_an_open_report_is_updated_as_it_was_read(status: str) -> None:
    (report,) = stored(transaction(), "DiagnosticReport", status=status)
    (request,) = requests(transaction(replace(NEW, existing=report)), "DiagnosticReport")
    url = f"DiagnosticReport/{report['id']}"
    assert request == {"method": "PUT", "url": url, "ifMatch": 'W/"7"'}


@pytest.mark.parametrize("status", DECISIONS)
def test_a_closed_report_is_never_written(status: str) -> None:
    (report,) = stored(transaction(), "DiagnosticReport", status=status)
    with pytest.raises(PermanentError, match=r"\[report-closed\]"):
        transaction(replace(NEW, existing=report))


def test_a_decided_observation_is_left_out_and_referred_to() -> None:
    new = transaction()
    (report,) = stored(new, "DiagnosticReport")
    first, second = stored(new, "Observation")
    first["status"] = "final"
    assert second["status"] in OPEN_OBSERVATION_STATUSES
    bundle = transaction(replace(NEW, existing=report, observations=(first, second)))
    (request,) = requests(bundle, "Observation")
    assert request["ifMatch"] == 'W/"7"'
    (written,) = stored(bundle, "DiagnosticReport")
    assert written["result"][0] == {"reference": "Observation/Observation-0"}
    (provenance,) = stored(bundle, "Provenance")
    assert {"reference": "Observation/Observation-0"} in provenance["target"]


@pytest.mark.parametrize(
    "status", ["accepted", "in-progress", "completed", "rejected", "cancelled"]
)
def test_a_review_that_somebody_took_or_ended_is_left_alone(status: str) -> None:
    (task,) = stored(transaction(), "Task", status=status)
    assert requests(transaction(replace(NEW, task=task)), "Task") == []


def test_a_review_is_asked_for_again_when_its_result_comes_back() -> None:
    reason = concept("superseded").codeable()
    (task,) = stored(transaction(), "Task", status="cancelled", statusReason=reason)
    bundle = transaction(replace(NEW, task=task))
    (request,) = requests(bundle, "Task")
    assert request["ifMatch"] == 'W/"7"'
    (written,) = stored(bundle, "Task")
    assert written["status"] == "requested"
    assert "statusReason" not in written


def test_what_a_worklist_added_to_a_review_does_not_hold_up_the_next_result() -> None:
    (older,) = stored(
        transaction_of(study_findings(nodule_analysis(NODULE))),
        "Task",
        extension=[{"url": "https://worklist.example.org/lane", "valueString": "3"}],
        owner={"reference": "https://worklist.example.org/Practitioner/7"},
    )
    *_, cancelled = stored(transaction(replace(NEW, open_tasks=(older,))), "Task")
    assert cancelled["status"] == "cancelled"
    assert (cancelled["extension"], cancelled["owner"]) == (older["extension"], older["owner"])


def test_an_observation_that_a_person_added_stays_in_the_report() -> None:
    (report,) = stored(transaction(), "DiagnosticReport")
    added = {
        "resourceType": "Observation",
        "id": "o-1",
        "meta": {"versionId": "7"},
        "status": "preliminary",
    }
    bundle = transaction(replace(NEW, existing=report, observations=(added,)))
    (written,) = stored(bundle, "DiagnosticReport")
    assert written["result"][-1] == {"reference": "Observation/o-1"}
    assert len(requests(bundle, "Observation")) == 2


def test_a_copy_that_another_system_signed_under_our_identifier_is_the_decision() -> None:
    (report,) = stored(transaction(), "DiagnosticReport")
    signed = {**report, "id": "zz", "status": "final"}
    for family in ([report, signed], [signed, report]):
        assert file_result(FINDINGS, REPORT_ID, family) is None


def test_reviews_of_older_results_that_nobody_took_are_cancelled() -> None:
    (older,) = stored(transaction_of(study_findings(nodule_analysis(NODULE))), "Task")
    bundle = transaction(replace(NEW, open_tasks=(older,)))
    new, cancelled = requests(bundle, "Task")
    assert "ifMatch" not in new
    assert cancelled == {"method": "PUT", "url": "Task/Task-0", "ifMatch": 'W/"7"'}
    assert [t["status"] for t in stored(bundle, "Task")] == ["requested", "cancelled"]
