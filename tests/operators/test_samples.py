"""Every sample study ends as the catalogue says."""

from __future__ import annotations

import pytest
from tests.operators.pipeline import Pipeline

from samples import FoundFinding, SampleStudy, catalog


@pytest.mark.parametrize("sample", catalog(), ids=lambda sample: sample.name)
def test_sample_reaches_its_expected_state(pipeline: Pipeline, sample: SampleStudy) -> None:
    pipeline.upload(sample.folder, sample.files())
    (run_id,) = pipeline.intake()

    results = pipeline.run(run_id)

    assert not [result for result in results.values() if isinstance(result, Exception)]
    summary, expected = pipeline.summary(run_id), sample.expected
    found = [
        FoundFinding(finding["kind"], tuple(finding["centre"]), finding["instance_number"])
        for finding in summary["findings"]
    ]
    assert summary["modality"] == expected.modality
    assert summary["instances"] == dict(expected.outcomes)
    assert expected.mismatches(found) == ()
    assert summary["report_status"] == "preliminary"
    assert summary["alert"] == expected.alert
    (report,) = pipeline.resources("DiagnosticReport")
    assert [words for words in expected.report_says if words not in report["conclusion"]] == []
    rows = results["import_study"]
    analyses = [results[f"analyze_images[{row['row_id']}]"] for row in rows]
    said = [int(row["label"].rpartition(", ")[2].partition(" ")[0]) for row in rows]
    assert said == [analysis["vision_units"] for analysis in analyses]
