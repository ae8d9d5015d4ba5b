"""What a person has decided about a report stays, whatever comes later."""

from __future__ import annotations

import pytest
from tests.operators.pipeline import Pipeline
from tests.operators.report_study import (
    Resource,
    Study,
    created,
    everything,
    other_model,
    own,
    predecessor,
)
from tests.operators.test_faults import study_of_its_own

pytestmark = pytest.mark.usefixtures("quick_pull")

SIGNED = ["final", "amended", "corrected", "appended"]


@pytest.fixture
def study(shared_pipeline: Pipeline) -> Study:
    return Study(shared_pipeline)


def signed_and_read_on(study: Study, status: str) -> tuple[Resource, Resource]:
    """Let a person decide about the first result; return the report before and after all else."""
    pipeline = study.pipeline
    first = study.arrive()
    report = pipeline.decide(pipeline.report(first), status=status)
    results = pipeline.observations(report)

    assert study.run(first)["status"] == "decided"
    study.run(study.again())
    beside = pipeline.report(study.arrive())
    with other_model():
        study.again()

    assert pipeline.read(report) == report
    assert pipeline.observations(report) == results
    assert beside["status"] == "preliminary"
    assert own(beside) != own(report)
    assert predecessor(beside) == report["id"]
    return report, beside


@pytest.mark.parametrize("status", SIGNED)
def test_a_signed_report_survives_and_what_comes_later_is_filed_beside_it(
    study: Study, status: str
) -> None:
    report, beside = signed_and_read_on(study, status)
    assert "signed report" in beside["conclusion"].lower()
    (newest,) = [t for t in study.reviews if t["status"] == "requested"]
    assert newest["reasonCode"]["coding"][0]["code"] == "signed-report-exists"
    assert len(study.pipeline.reports(study.uid)) == 3
    assert report["status"] == status


@pytest.mark.parametrize("status", ["cancelled", "entered-in-error"])
def test_a_rejected_report_stays_rejected_and_is_not_called_signed(
    study: Study, status: str
) -> None:
    _, beside = signed_and_read_on(study, status)
    assert "signed report" not in beside["conclusion"].lower()
    assert not [task for task in study.reviews if "reasonCode" in task]


def test_a_result_that_was_decided_writes_nothing(shared_pipeline: Pipeline, study: Study) -> None:
    first = study.arrive()
    shared_pipeline.decide(shared_pipeline.report(first), status="final")
    before = everything(shared_pipeline)

    assert study.run(first) == {"status": "decided", "observations": 0}
    assert study.run(study.again()) == {"status": "decided", "observations": 0}

    assert everything(shared_pipeline) == before


def test_files_that_are_sent_again_are_no_new_result(
    shared_pipeline: Pipeline, study: Study
) -> None:
    """A sender that repeats itself after the signature gives nobody more work."""
    first = study.arrive()
    report = shared_pipeline.decide(shared_pipeline.report(first), status="final")
    _, files = study_of_its_own(int(study.folder.rpartition("-")[2]))
    shared_pipeline.upload(study.folder, files[:1])
    (second,) = shared_pipeline.intake()
    assert study.run(second)["status"] == "decided"
    assert shared_pipeline.reports(study.uid) == [report]


def test_an_observation_that_a_person_closed_stays_and_the_report_still_refers_to_it(
    shared_pipeline: Pipeline, study: Study
) -> None:
    report = shared_pipeline.report(study.arrive(2))
    closed, other = shared_pipeline.observations(report)[:2]
    closed = shared_pipeline.decide(closed, status="final")

    later = shared_pipeline.report(study.arrive(1))

    assert shared_pipeline.read(closed) == closed
    references = [item["reference"] for item in later["result"]]
    assert {f"Observation/{closed['id']}", f"Observation/{other['id']}"} <= set(references)
    (origin,) = [p for p in shared_pipeline.provenance([later]) if len(p["target"]) == 4]
    assert f"Observation/{closed['id']}" in [target["reference"] for target in origin["target"]]


def test_a_review_that_somebody_took_stays_his(shared_pipeline: Pipeline, study: Study) -> None:
    first = study.arrive()
    report = shared_pipeline.report(first)
    taken = shared_pipeline.decide(study.review(report, "requested"), status="accepted")

    study.run(first)
    assert shared_pipeline.read(taken) == taken
    later = shared_pipeline.report(study.arrive())

    assert shared_pipeline.read(taken) == taken
    assert study.review(later, "requested")["id"] != taken["id"]


def test_a_review_that_a_person_cancelled_is_not_asked_for_again(
    shared_pipeline: Pipeline, study: Study
) -> None:
    first = study.arrive()
    task = study.review(shared_pipeline.report(first), "requested")
    cancelled = shared_pipeline.decide(task, status="cancelled")
    study.run(first)
    assert shared_pipeline.read(cancelled) == cancelled


def test_a_decision_on_what_the_report_had_let_go_of_stays_when_it_is_found_again(
    shared_pipeline: Pipeline, study: Study
) -> None:
    run_id = study.arrive()
    report = shared_pipeline.report(run_id)
    closed = shared_pipeline.decide(shared_pipeline.observations(report)[0], status="final")
    name = {"reference": f"Observation/{closed['id']}"}
    others = [item for item in report["result"] if item != name]
    open_report = {key: value for key, value in report.items() if key != "result"}
    shared_pipeline.decide(open_report, **({"result": others} if others else {}))

    study.run(run_id)

    assert shared_pipeline.read(closed) == closed
    assert name in shared_pipeline.report(run_id)["result"]


def test_what_a_person_added_to_an_open_report_stays_in_it(
    shared_pipeline: Pipeline, study: Study
) -> None:
    report = shared_pipeline.report(study.arrive())
    (kept,) = shared_pipeline.observations(report)[:1]
    added = created(
        shared_pipeline,
        {
            "resourceType": "Observation",
            "status": "preliminary",
            "code": {"text": "seen by a person"},
            "subject": kept["subject"],
        },
    )
    references = [*report["result"], {"reference": f"Observation/{added['id']}"}]
    shared_pipeline.decide(report, result=references)

    later = shared_pipeline.report(study.arrive())

    assert {"reference": f"Observation/{added['id']}"} in later["result"]
    assert shared_pipeline.read(added) == added


def test_patient_and_order_are_referred_to_once_they_are_there(
    shared_pipeline: Pipeline, study: Study
) -> None:
    run_id = study.arrive()
    report = shared_pipeline.report(run_id)
    assert "not found" in report["conclusion"]
    assert "reference" not in report["subject"]
    number = report["subject"]["identifier"]
    patient = created(shared_pipeline, {"resourceType": "Patient", "identifier": [number]})

    study.run(run_id)

    report = shared_pipeline.report(run_id)
    assert report["subject"] == {"reference": f"Patient/{patient['id']}"}
    assert "Patient not found" not in report["conclusion"]
