"""What a row says of an Observation, read from the golden reports."""

from __future__ import annotations

import json

from tests.core.fhir.cases import GOLDEN

from wetread.views.candidate_rows import candidate_rows


def rows_of(name: str) -> list[tuple[str, str, str, str]]:
    bundle = json.loads((GOLDEN / f"{name}.json").read_text("utf-8"))
    resources = [entry["resource"] for entry in bundle["entry"]]
    seen = [r for r in resources if r["resourceType"] == "Observation"]
    return [(row.kind, row.kind_name, row.label, row.size) for row in candidate_rows(seen, {})]


def test_a_finding_is_named_with_its_size_and_as_unconfirmed() -> None:
    assert ("finding", "AI finding, to be confirmed", "Pulmonary nodule", "8.1 mm") in rows_of(
        "findings"
    )


def test_a_candidate_has_no_size_and_is_no_finding() -> None:
    rows = rows_of("candidates")
    assert rows
    assert {kind for kind, *_ in rows} <= {"anomaly", "object"}
    assert not any(size for *_, size in rows)
