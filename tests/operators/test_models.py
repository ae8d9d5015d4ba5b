"""Specialised models in the pipeline: what they find is reported, alerted, and attributed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.contract.conftest import StartCloud
from tests.operators.models import installed
from tests.operators.pipeline import Pipeline

from samples.catalog import NODULE, catalog
from wetread.core.findings import AnalysisFindings, AnalysisName
from wetread.core.identity import parse_run_id
from wetread.gcp.study_records import StudyRecords


@pytest.fixture(scope="module")
def models(start_cloud: StartCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    folder = tmp_path_factory.mktemp("models")
    with start_cloud(folder / "cloud") as cloud, installed(cloud, folder / "server") as pipeline:
        yield pipeline


def read(pipeline: Pipeline, sample: str) -> tuple[str, dict[str, Any]]:
    """Send a sample study through the pipeline; return its run id and what the tasks returned."""
    (study,) = (study for study in catalog() if study.name == sample)
    pipeline.upload(study.folder, study.files())
    (run_id,) = pipeline.intake()
    return run_id, pipeline.run(run_id)


def found_by(pipeline: Pipeline, run_id: str, analysis: str) -> AnalysisFindings:
    study = parse_run_id(run_id)
    records = StudyRecords(study, pipeline.installation.state, pipeline.installation.settings)
    found = records.find(AnalysisName("s01", analysis))
    assert found is not None
    return found


def test_the_nodule_is_found_where_the_phantom_has_it(models: Pipeline) -> None:
    run_id, results = read(models, "ct-chest-nodule")
    found = found_by(models, run_id, "phantom-nodule")
    (nodule,) = found.findings
    assert nodule.point_mm is not None
    offset = [a - b for a, b in zip(nodule.point_mm, NODULE.centre_mm, strict=True)]
    assert sum(x * x for x in offset) ** 0.5 <= 2.0
    (diameter,) = nodule.measurements
    assert abs(diameter.value - NODULE.diameter_mm) <= 1.0
    assert nodule.mask is not None
    assert results["raise_alert"]["alerts"] >= 1
    assert results["analyze_images[s01]"]["findings"] == 1
    assert results["analyze_images[s01]"]["analysed"] == 60
