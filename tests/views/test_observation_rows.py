"""What a row says of an Observation, read from the golden reports."""

from __future__ import annotations

import json

from tests.core.fhir.cases import GOLDEN

from wetread.views.observation_rows import ObservationRow, observation_rows


def rows_of(name: str, **changes: str) -> tuple[ObservationRow, ...]:
    bundle = json.loads((GOLDEN / f"{name}.json").read_text("utf-8"))
    resources = [entry["resource"] for entry in bundle["entry"]]
    seen = [r | changes for r in resources if r["resourceType"] == "Observation"]
    return observation_rows(seen, {})


def test_a_finding_is_named_with_its_size_and_as_unconfirmed() -> None:
    findings = [row for row in rows_of("findings") if row.kind == "finding"]
    assert ("Pulmonary nodule", "8.1 mm") in [(row.label, row.size) for row in findings]
    assert {row.kind_name for row in findings} == {"AI finding, to be confirmed"}


def test_a_candidate_has_no_size_and_is_no_finding() -> None:
    rows = rows_of("candidates")
    assert rows
    assert {row.kind for row in rows} <= {"anomaly", "object"}
    assert not any(row.size for row in rows)


def test_what_was_looked_for_in_vain_is_no_finding() -> None:
    absences = [row for row in rows_of("absences") if row.kind == "absence"]
    assert absences
    for row in absences:
        assert row.kind_name == "looked for and not found"
        assert row.score is not None
        assert row.threshold is not None
        assert row.score < row.threshold


def test_a_decision_of_a_person_is_told_and_a_preliminary_status_is_none() -> None:
    assert {row.decision for row in rows_of("findings")} == {""}
    assert {row.decision for row in rows_of("findings", status="entered-in-error")} == {
        "entered-in-error"
    }
