"""A model that fails costs a study its own findings and nothing else, until its row is cleared."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from tests.contract.conftest import RunningCloud, StartCloud
from tests.contract.model_server import ModelServer, Received
from tests.operators.models import IMAGE, answering, settings_with
from tests.operators.pipeline import CONNECTION, Pipeline

from samples import hostile
from wetread.core.errors import PermanentError, RetriableError
from wetread.hooks.model_deployment import deploy_models

ROW_TIMEOUT_SECONDS = 1
ROW = {"mode": "live", "attributes": {}, "timeout_seconds": ROW_TIMEOUT_SECONDS}
SCORES = {"pulmonary-nodule": 0.12}
MODEL = {"name": "phantom-nodule", "version": "1", "weights_digest": "sha256:" + "0" * 64}
GOOD = {"model": MODEL, "scores": SCORES, "images": 4, "detections": []}


def predictions(*answers: Any) -> Callable[[Received], tuple[int, bytes]]:
    """Return an answer that holds these predictions, whatever is asked."""
    return lambda _: (200, json.dumps({"predictions": list(answers)}).encode())


def status(code: int) -> Callable[[Received], tuple[int, bytes]]:
    return lambda _: (code, b'{"error": "the model is busy"}')


def slow(asked: Received) -> tuple[int, bytes]:
    time.sleep(2 * ROW_TIMEOUT_SECONDS)
    return predictions(GOOD)(asked)


@dataclass(frozen=True)
class Installed:
    cloud: RunningCloud
    server: ModelServer
    pipeline: Pipeline


@pytest.fixture(scope="module")
def installed(
    start_cloud: StartCloud, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installed]:
    """An installation with one model, which answers what a test tells it."""
    with (
        answering(start_cloud, tmp_path_factory.mktemp("cloud"), IMAGE) as parts,
        pytest.MonkeyPatch.context() as environment,
    ):
        environment.setenv("AIRFLOW_VAR_WETREAD_SETTINGS", settings_with({"phantom-nodule": ROW}))
        deploy_models(CONNECTION)
        yield Installed(*parts)


FAULTS: dict[str, tuple[Callable[[Received], tuple[int, bytes]], type[Exception]]] = {
    "down": (status(503), RetriableError),
    "slow": (slow, RetriableError),
    "too many requests": (status(429), RetriableError),
    "another shape": (predictions({"boxes": []}), PermanentError),
    "a score that is no number": (
        lambda _: (200, b'{"predictions": [{"scores": {"pulmonary-nodule": NaN}}]}'),
        RetriableError,
    ),
    "no prediction": (predictions(), RetriableError),
    "a store that it cannot read": (
        predictions({"error": {"code": "REFERENCE_UNAVAILABLE", "description": "503"}}),
        RetriableError,
    ),
    "a code that nobody asked for": (
        predictions({**GOOD, "scores": {**SCORES, "pneumothorax": 0.9}}),
        PermanentError,
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_report_names_what_is_missing_until_it_is_there(
    installed: Installed, fault: str
) -> None:
    answer, family = FAULTS[fault]
    study, pipeline = f"model {fault}", installed.pipeline
    files = [(f"{number}.dcm", hostile.valid(study, number)) for number in range(1, 5)]
    pipeline.upload(fault, files)
    (run_id,) = pipeline.intake()

    installed.server.answer = answer
    results = pipeline.run(run_id)

    assert isinstance(results["analyze_images[s01]"], family)
    report = pipeline.report(run_id)
    assert report["status"] == "preliminary"
    assert "Incomplete: 1 analysis (s01 phantom-nodule) not done yet" in report["conclusion"]
    assert "4 images looked at by google-cloud-vision v1." in report["conclusion"], (
        "what Vision AI saw is kept"
    )

    installed.server.answer = predictions(GOOD)
    asked_before = len(installed.server.predictions())
    cleared = pipeline.run(run_id)

    assert cleared["analyze_images[s01]"]["analyses"] == 2
    assert len(installed.server.predictions()) == asked_before + 1
    completed = pipeline.report(run_id)
    assert completed["id"] == report["id"]
    assert "Incomplete" not in completed["conclusion"]
    assert "Looked for and not found: pulmonary nodule." in completed["conclusion"]


def test_a_model_that_refuses_a_series_is_named_and_the_run_succeeds(installed: Installed) -> None:
    pipeline = installed.pipeline
    refusal = {"error": {"code": "UNSUPPORTED_SERIES", "description": "Too few slices."}}
    installed.server.answer = predictions(refusal)
    pipeline.upload("refused", [("1.dcm", hostile.valid("model refuses"))])
    (run_id,) = pipeline.intake()
    results = pipeline.run(run_id)
    assert not [result for result in results.values() if isinstance(result, Exception)]
    conclusion = pipeline.report(run_id)["conclusion"]
    assert "phantom-nodule 1 did not take these images" in conclusion
    assert "Looked for and not found" not in conclusion


def test_each_analysis_writes_an_event_when_it_ends(
    installed: Installed, caplog: pytest.LogCaptureFixture
) -> None:
    """Where metrics read them; what was found before is not counted a second time."""
    pipeline = installed.pipeline
    installed.server.answer = predictions()
    pipeline.upload("events", [("1.dcm", hostile.valid("model events"))])
    (run_id,) = pipeline.intake()
    caplog.set_level(logging.INFO, "wetread.events")
    pipeline.run(run_id)
    installed.server.answer = predictions(GOOD | {"images": 1})
    pipeline.run(run_id)
    events = [json.loads(r.getMessage()) for r in caplog.records if r.name == "wetread.events"]
    ended = [(e["analysis"], e["outcome"]) for e in events if e["event"] == "analysis"]
    assert ended == [
        ("vision", "succeeded"),
        ("phantom-nodule", "failed"),
        ("phantom-nodule", "succeeded"),
    ]


def test_a_study_is_imported_and_reported_while_vertex_ai_is_away(installed: Installed) -> None:
    pipeline = installed.pipeline
    pipeline.upload("away", [("1.dcm", hostile.valid("vertex away"))])
    (run_id,) = pipeline.intake()
    installed.cloud.fault("aiplatform.*", status=503, times=1000)
    try:
        results = pipeline.run(run_id)
    finally:
        installed.cloud.admin("DELETE", "faults")
    assert isinstance(results["analyze_images[s01]"], RetriableError)
    assert "(s01 phantom-nodule) not done yet" in pipeline.report(run_id)["conclusion"]


def test_a_shadow_that_fails_fails_no_run(installed: Installed) -> None:
    pipeline = installed.pipeline
    installed.server.answer = status(503)
    with pytest.MonkeyPatch.context() as environment:
        row = {"phantom-nodule": {**ROW, "mode": "shadow"}}
        environment.setenv("AIRFLOW_VAR_WETREAD_SETTINGS", settings_with(row))
        pipeline.upload("shadow", [("1.dcm", hostile.valid("shadow fails"))])
        (run_id,) = pipeline.intake()
        results = pipeline.run(run_id)
        assert results["analyze_images[s01]"]["analyses"] == 1
        assert "Incomplete" not in pipeline.report(run_id)["conclusion"]
