"""The numbers on the page about limits are those of the code."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from tools.docs.dags import load_dags

from wetread.core import annotations
from wetread.core.fhir.statements import OBSERVATION_LIMIT
from wetread.core.headers import FIRST_READ_BYTES
from wetread.core.settings import Settings
from wetread.gcp.retries import TIMEOUT_SECONDS
from wetread.operators import study_claim
from wetread.operators.defaults import DEFAULT_ARGS
from wetread.operators.study_import import ImportStudyOperator

ROOT = Path(__file__).resolve().parents[2]
ROW = re.compile(r"^\| (?P<title>[^|]+) \| (?:about )?(?P<value>[\d]+)[^|]* \| `[^|]+` \| .+ \|$")


def _pool(name: str) -> int:
    settings = yaml.safe_load((ROOT / "airflow_settings.yaml").read_text("utf-8"))["airflow"]
    return next(row["pool_slot"] for row in settings["pools"] if row["pool_name"] == name)


def _compose_concurrency() -> int:
    compose = yaml.safe_load((ROOT / "docker-compose.yaml").read_text("utf-8"))
    return int(compose["x-airflow"]["environment"]["AIRFLOW__CELERY__WORKER_CONCURRENCY"])


def _local_parallelism() -> int:
    source = (ROOT / "include/stack/environment.py").read_text("utf-8")
    return int(re.findall(r'AIRFLOW__CORE__PARALLELISM": "(\d+)"', source)[0])


@pytest.fixture(scope="module")
def limits() -> dict[str, Any]:
    dags = {dag.dag_id: dag for dag in load_dags(ROOT / "dags")}
    await_study = dags["study_pipeline"].get_task("await_study")
    import_study = inspect.signature(ImportStudyOperator).parameters
    import_wait = import_study["poll_interval"].default
    import_limit = import_study["give_up_after"].default
    settings = Settings()
    return {
        "tasks at a time, `make up`": _local_parallelism(),
        "tasks at a time, each compose worker": _compose_concurrency(),
        "runs of `study_intake`": dags["study_intake"].max_active_runs,
        "runs of `platform_setup`": dags["platform_setup"].max_active_runs,
        "runs of `study_pipeline`": dags["study_pipeline"].max_active_runs,
        "routine runs that intake admits, `admitted_runs`": settings.admitted_runs,
        "slots of pool `healthcare_imports`": _pool("healthcare_imports"),
        "slots of pool `vision`": _pool("vision"),
        "Vision requests of one task, `vision_concurrency`": settings.vision_concurrency,
        "downloads of one task, `download_concurrency`": settings.download_concurrency,
        "images of a CT or MR series that are analysed, `sampled_frames_per_series`": (
            settings.sampled_frames_per_series
        ),
        "images in a Vision request": annotations.IMAGES_PER_REQUEST,
        "bytes in a Vision request": annotations.REQUEST_BYTES,
        "decoded size of a frame in bytes, `frame_limit_bytes`": settings.frame_limit_bytes,
        "Observations in a report": OBSERVATION_LIMIT,
        "bytes read first of an arriving file": FIRST_READ_BYTES,
        "messages that one round of intake takes": study_claim._PULLS * study_claim._PULL_SIZE,
        "retries of a task": DEFAULT_ARGS["retries"],
        "one call to Google, its own retries included": TIMEOUT_SECONDS,
        "intake listens, `listen_seconds`": (
            dags["study_intake"].get_task("await_doorbell").listen_seconds
        ),
        "quiet period without `_COMPLETE`, `quiet_period_seconds`": settings.quiet_period_seconds,
        "`await_study` looks every": await_study.poke_interval,
        "`await_study` gives up after": await_study.timeout / 3600,
        "`import_study` gives up on one operation after": import_limit.total_seconds() / 3600,
        "`import_study`, deferred between two looks": import_wait.total_seconds(),
    }


def test_limits_are_those_of_the_code(limits: dict[str, Any]) -> None:
    text = (ROOT / "docs/explanation/limits.md").read_text("utf-8")
    rows = [match for line in text.splitlines() if (match := ROW.match(line))]
    assert {row["title"]: int(row["value"]) for row in rows} == limits
