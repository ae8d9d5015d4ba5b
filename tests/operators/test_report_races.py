"""Workers and people who write about the same report at the same time."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.operators.kills import Worker, transports_of
from tests.operators.pipeline import Pipeline
from tests.operators.report_study import (
    Resource,
    Study,
    content,
    other_model,
)
from tests.operators.test_killed_anywhere import retried

from wetread.core.fhir.identifiers import content_identifier

pytestmark = pytest.mark.usefixtures("quick_pull")


@pytest.fixture
def study(shared_pipeline: Pipeline) -> Study:
    return Study(shared_pipeline)


def test_two_versions_at_once_leave_the_report_of_the_later_one(
    shared_pipeline: Pipeline, study: Study
) -> None:
    """The late image comes while the first version is read; both write as soon as they can."""
    first = study.claimed()
    shared_pipeline.seal(first)
    second = study.claimed()

    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(retried, lambda r=r: study.run(r)) for r in (first, second)]
        for run in runs:
            run.result()

    (report,) = shared_pipeline.reports(study.uid)
    findings = shared_pipeline.records(second).findings()
    assert content(report) == content_identifier(findings).value
    assert study.review(report, "requested")
    (latest,) = [p for p in shared_pipeline.provenance([report]) if len(p["target"]) == 3]
    assert latest["recorded"] == report["issued"]


class Radiologist(Worker):
    """Signs the report while a task writes it: after the reading and before the writing."""

    def __init__(self, pipeline: Pipeline, run_id: str) -> None:
        super().__init__()
        self._pipeline, self._run_id = pipeline, run_id
        self.signed: Resource | None = None

    def send(self, write: str | None, call: Any) -> Any:
        if write == "fhir" and self.signed is None:
            self.signed = {}
            report = self._pipeline.report(self._run_id)
            self.signed = self._pipeline.decide(report, status="final")
        return call()


def test_a_report_that_is_signed_while_it_is_written_stays(
    shared_pipeline: Pipeline, study: Study
) -> None:
    run_id = study.arrive()
    radiologist = Radiologist(shared_pipeline, run_id)
    with transports_of(radiologist):
        result = study.run(run_id)
    assert radiologist.signed
    assert result["status"] == "decided"
    assert shared_pipeline.reports(study.uid) == [radiologist.signed]


class Rival(Worker):
    """Does something else when a task has read all, right before its transaction."""

    def __init__(self, act: Callable[[], Any]) -> None:
        super().__init__()
        self._act: Callable[[], Any] | None = act

    def send(self, write: str | None, call: Any) -> Any:
        if write == "fhir" and self._act:
            act, self._act = self._act, None
            act()
        return call()


def test_a_first_report_that_another_worker_wrote_and_a_person_signed_stays(
    shared_pipeline: Pipeline, study: Study
) -> None:
    """This worker saw no report: nothing but the ImagingStudy tells it that there is one now."""
    run_id = study.claimed()
    shared_pipeline.seal(run_id)
    signed = {}

    def signs() -> None:
        study.run(run_id)
        signed.update(shared_pipeline.decide(shared_pipeline.report(run_id), status="final"))

    with transports_of(Rival(signs)):
        result = study.run(run_id)

    assert result["status"] == "decided"
    assert shared_pipeline.reports(study.uid) == [signed]


def test_a_first_report_of_an_older_version_gives_way_to_that_of_a_later_one(
    shared_pipeline: Pipeline, study: Study
) -> None:
    """Whatever lineages the two are of: the ImagingStudy, too, is that of the later version."""
    first = study.claimed()
    shared_pipeline.seal(first)
    second = study.claimed()

    def later() -> None:
        with other_model():
            study.run(second)

    with transports_of(Rival(later)):
        assert study.run(first)["status"] == "superseded"

    (report,) = shared_pipeline.reports(study.uid)
    (listed,) = [
        one
        for one in shared_pipeline.resources("ImagingStudy")
        if one["identifier"][0]["value"] == f"urn:oid:{study.uid}"
    ]
    assert listed["numberOfInstances"] == 2
    assert study.review(report, "requested")
    assert len(study.reviews) == 1
