"""Versions of a study and their reports: one goes on, another opens, and what is decided stays."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from typing import Any

import pytest
import requests
from tests.contract.conftest import StartCloud
from tests.operators.kills import Killed, Worker, transports_of
from tests.operators.models import answering, settings_with
from tests.operators.pipeline import CONNECTION, Pipeline
from tests.operators.test_faults import study_of_its_own
from tests.operators.test_killed_anywhere import retried

from wetread.core.errors import WetreadError
from wetread.core.fhir.identifiers import (
    CONTENT_SYSTEM,
    PREDECESSOR_EXTENSION,
    RESULT_SYSTEM,
    content_identifier,
)
from wetread.hooks.model_deployment import deploy_models

SETTINGS = "AIRFLOW_VAR_WETREAD_SETTINGS"
SIGNED = ["final", "amended", "corrected", "appended"]
OTHER_WRITERS = ("write_dicom_results", "raise_alert")
_numbers = count(6000)

Resource = dict[str, Any]


class Study:
    """A study of three images, of which one or two arrive late."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline, number = pipeline, next(_numbers)
        self.folder = f"versions-{number}"
        self.uid, self._files = study_of_its_own(number)

    def arrive(self, images: int = 1) -> str:
        """Send so many more images and read the version that they open; return its run id."""
        run_id = self.claimed(images)
        self.run(run_id)
        return run_id

    def claimed(self, images: int = 1) -> str:
        """Send so many more images and take them in; return the run id of their version."""
        sent, self._files = self._files[:images], self._files[images:]
        self.pipeline.upload(self.folder, sent)
        (run_id,) = self.pipeline.intake()
        return run_id

    def again(self) -> str:
        """Ask for the study again, and read it; return the run id."""
        (run_id,) = self.pipeline.request(self.uid)
        self.run(run_id)
        return run_id

    def run(self, run_id: str) -> Resource:
        """Run a version; return what its report task returned."""
        results = self.pipeline.run(run_id, without=OTHER_WRITERS)
        assert not [result for result in results.values() if isinstance(result, WetreadError)]
        return dict(results["write_fhir_report"])

    @property
    def reviews(self) -> list[Resource]:
        return self.pipeline.reviews(self.uid)

    def review(self, report: Resource, *statuses: str) -> Resource:
        """Return the one review of a report that has one of some statuses."""
        focus = {"reference": f"DiagnosticReport/{report['id']}"}
        (task,) = [t for t in self.reviews if t["focus"] == focus and t["status"] in statuses]
        return task


@pytest.fixture(autouse=True)
def quick_pull(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait long for messages: what a test is about lies in the bucket."""
    monkeypatch.setattr("wetread.operators.study_claim._PULL_SECONDS", 0.1)


@pytest.fixture
def study(shared_pipeline: Pipeline) -> Study:
    return Study(shared_pipeline)


@contextmanager
def other_model(title: str = "Another Vision") -> Iterator[None]:
    """Let another row of the table look at the images."""
    analyses = {"vision": {"title": title}}
    with pytest.MonkeyPatch.context() as environment:
        changed = {"quiet_period_seconds": 1, "analyses": analyses}
        environment.setenv(SETTINGS, json.dumps(changed))
        yield


def own(resource: Resource) -> str:
    """Return a resource's own identifier."""
    (value,) = [i["value"] for i in resource["identifier"] if i["system"] == RESULT_SYSTEM]
    return str(value)


def content(report: Resource) -> str:
    (value,) = [i["value"] for i in report["identifier"] if i["system"] == CONTENT_SYSTEM]
    return str(value)


def predecessor(report: Resource) -> str | None:
    """Return the id of the report that a report says it follows."""
    for extension in report.get("extension", []):
        if extension["url"] == PREDECESSOR_EXTENSION:
            return str(extension["valueReference"]["reference"]).removeprefix("DiagnosticReport/")
    return None


def test_late_images_go_on_with_the_report(shared_pipeline: Pipeline, study: Study) -> None:
    first = shared_pipeline.report(study.arrive(1))
    second = shared_pipeline.report(study.arrive(2))

    assert (own(first), first["id"]) == (own(second), second["id"])
    assert content(first) != content(second)
    assert len(shared_pipeline.reports(study.uid)) == 1
    assert "3 instances arrived" in second["conclusion"]
    assert study.review(second, "requested")
    (withdrawn,) = [t for t in study.reviews if t["status"] == "cancelled"]
    assert withdrawn["statusReason"]["coding"][0]["code"] == "superseded"


def test_a_new_model_opens_a_report_that_names_the_one_before(
    shared_pipeline: Pipeline, study: Study
) -> None:
    first = shared_pipeline.report(study.arrive())
    results = shared_pipeline.observations(first)
    with other_model():
        second = shared_pipeline.report(study.again())

    assert own(first) != own(second)
    assert predecessor(second) == first["id"]
    assert shared_pipeline.read(first) == first
    assert shared_pipeline.observations(first) == results
    (origin,) = shared_pipeline.provenance([second])
    revised = [e["what"]["reference"] for e in origin["entity"] if e["role"] == "revision"]
    assert revised == [f"DiagnosticReport/{first['id']}"]


def test_late_images_do_not_forget_the_predecessor(shared_pipeline: Pipeline, study: Study) -> None:
    first = shared_pipeline.report(study.arrive())
    with other_model():
        second = shared_pipeline.report(study.again())
        third = shared_pipeline.report(study.arrive())
    assert own(second) == own(third)
    assert predecessor(third) == first["id"]


def test_a_report_follows_the_last_one_that_was_written(
    shared_pipeline: Pipeline, study: Study
) -> None:
    """The worker of the version in between died before it wrote anything of its report."""
    first = shared_pipeline.report(study.arrive())
    (second,) = shared_pipeline.request(study.uid)
    with other_model(), transports_of(Worker("fhir 1")), pytest.raises(Killed):
        study.run(second)
    with other_model("A third Vision"):
        third = shared_pipeline.report(study.again())
    assert predecessor(third) == first["id"]
    assert len(shared_pipeline.reports(study.uid)) == 2


def test_going_back_to_a_model_resumes_its_report_and_asks_for_its_review_again(
    shared_pipeline: Pipeline, study: Study
) -> None:
    first = shared_pipeline.report(study.arrive())
    with other_model():
        second = shared_pipeline.report(study.again())
    assert study.review(first, "cancelled")
    third = shared_pipeline.report(study.again())

    assert (own(third), content(third)) == (own(first), content(first))
    assert predecessor(third) == second["id"]
    assert study.review(third, "requested")
    assert study.review(second, "cancelled")
    assert len(shared_pipeline.reports(study.uid)) == 2


def test_a_version_of_another_model_that_runs_late_leaves_all_as_it_is(
    shared_pipeline: Pipeline, study: Study
) -> None:
    """Its report is older than the one that the newest version has, and so is its review."""
    first = study.arrive()
    with other_model():
        study.again()
    before = everything(shared_pipeline)

    assert study.run(first) == {"status": "superseded", "observations": 0}

    assert everything(shared_pipeline) == before


def test_an_operator_sees_what_became_of_the_report(
    shared_pipeline: Pipeline, study: Study
) -> None:
    first = study.arrive()
    assert shared_pipeline.summary(first)["report_status"] == "preliminary"
    shared_pipeline.decide(shared_pipeline.report(first), status="final")
    study.run(first)
    assert shared_pipeline.summary(first)["report_status"] == "final"
    assert shared_pipeline.summary(first)["signed_reports"] == 1
    second = study.arrive()
    assert shared_pipeline.summary(second)["report_status"] == "preliminary"
    assert shared_pipeline.summary(second)["signed_reports"] == 1


def test_another_version_of_a_deployed_model_opens_a_report(
    start_cloud: StartCloud, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The row is the same; the digest of what is deployed says who looks."""
    first, second = (f"europe-docker.pkg.dev/hospital/lung@sha256:{n * 64}" for n in "01")
    row = {
        "title": "Collapsed lung detector",
        "kind": "specialised",
        "modality": ["CT"],
        "adapter": "detections",
        "endpoint": "collapsed-lung",
        "input": "volume",
        "findings": {"pneumothorax": 0.6},
        "card": "collapsed-lung.md",
    }
    answer = {
        "predictions": [
            {
                "model": {"name": "lung", "version": "1", "weights_digest": "sha256:" + "7" * 64},
                "scores": {"pneumothorax": 0.2},
                "images": 1,
                "detections": [],
            }
        ]
    }
    folder = tmp_path_factory.mktemp("cloud")
    with (
        answering(start_cloud, folder, first) as (cloud, server, pipeline),
        pytest.MonkeyPatch.context() as environment,
    ):
        server.answer = lambda asked: (200, json.dumps(answer).encode())
        cloud.admin("PUT", "model-servers", {"image": second, "url": server.url})
        reports, study = [], Study(pipeline)
        for image, read in ((first, study.arrive), (second, study.again)):
            environment.setenv(SETTINGS, settings_with({"lung": row}, model_image=image))
            deploy_models(CONNECTION)
            reports.append(pipeline.report(read()))
    assert own(reports[0]) != own(reports[1])
    assert predecessor(reports[1]) == reports[0]["id"]


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


def created(pipeline: Pipeline, resource: Resource) -> Resource:
    """Create a resource as another system does."""
    answer = requests.post(
        f"{pipeline.fhir_url}/{resource['resourceType']}",
        json=resource,
        headers={"Content-Type": "application/fhir+json"},
        timeout=30,
    )
    answer.raise_for_status()
    return dict(answer.json())


def everything(pipeline: Pipeline) -> dict[str, list[Resource]]:
    """Return all that the FHIR store holds, by type."""
    kinds = (
        "DiagnosticReport",
        "Observation",
        "Task",
        "Provenance",
        "Media",
        "ImagingStudy",
        "Device",
        "Endpoint",
    )
    return {
        kind: sorted(pipeline.resources(kind), key=lambda resource: str(resource["id"]))
        for kind in kinds
    }
