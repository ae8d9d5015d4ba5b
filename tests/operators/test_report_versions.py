"""Versions of a study and their reports: one goes on, and another opens."""

from __future__ import annotations

import json

import pytest
from tests.contract.conftest import StartCloud
from tests.operators.kills import Killed, Worker, transports_of
from tests.operators.models import answering, settings_with
from tests.operators.pipeline import CONNECTION, Pipeline
from tests.operators.report_study import (
    SETTINGS,
    Study,
    content,
    everything,
    other_model,
    own,
    predecessor,
)

from wetread.hooks.model_deployment import deploy_models

pytestmark = pytest.mark.usefixtures("quick_pull")


@pytest.fixture
def study(shared_pipeline: Pipeline) -> Study:
    return Study(shared_pipeline)


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
