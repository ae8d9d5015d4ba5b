"""Every sample study ends as the catalogue says, with the models of the local stack at work."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest
from tests.operators.sample_runs import SampleRun, SampleRuns

from samples import FoundFinding, FoundModelFinding, SampleStudy, catalog

pytestmark = pytest.mark.xdist_group("samples")


@pytest.mark.parametrize("sample", catalog(), ids=lambda sample: sample.name)
def test_sample_reaches_its_expected_state(sample_runs: SampleRuns, sample: SampleStudy) -> None:
    run = sample_runs.of(sample)
    models, run_id, results = run.pipeline, run.run_id, run.results

    assert not [result for result in results.values() if isinstance(result, Exception)]
    summary, expected = models.summary(run_id), sample.expected
    assert summary["modality"] == expected.modality
    assert summary["instances"] == dict(expected.outcomes)
    assert expected.mismatches([_candidate(f) for f in summary["findings"]]) == ()
    assert expected.model_mismatches([_coded(f) for f in summary["coded_findings"]]) == ()
    assert summary["report_status"] == "preliminary"
    assert summary["alert"] == expected.alert
    report = models.report(run_id)
    assert [words for words in expected.report_says if words not in report["conclusion"]] == []
    rows = results["import_study"]
    analyses = [results[f"analyze_images[{row['row_id']}]"] for row in rows]
    stored = {analysis for row in rows for analysis in models.analyses(run_id, row["row_id"])}
    objects = Counter(instance.Modality for instance in run.results_in_dicom)
    assert expected.result_mismatches(objects, _absences(run)) == ()
    shown = {name for name in stored if name in report["conclusion"]}
    assert expected.shadow_mismatches(stored, shown) == ()
    said = [int(re.findall(r"(\d+) Vision units", row["label"])[0]) for row in rows]
    assert said == [analysis["vision_units"] for analysis in analyses]


def _absences(run: SampleRun) -> list[str]:
    (transaction,) = run.transactions
    resources = [entry["resource"] for entry in transaction.sent["entry"]]
    return [
        resource["code"]["coding"][0]["display"]
        for resource in resources
        if resource.get("valueCodeableConcept", {}).get("text") == "Absent"
    ]


def _candidate(found: dict[str, Any]) -> FoundFinding:
    return FoundFinding(found["kind"], tuple(found["centre"]), found["instance_number"])


def _coded(found: dict[str, Any]) -> FoundModelFinding:
    centre = found["point_mm"] or found["centre"]
    return FoundModelFinding(found["code"], tuple(centre), found["measurements"].get("diameter"))
