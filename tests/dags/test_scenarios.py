"""How a run ends when a part of it fails, under Airflow's trigger rules and our retry policy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.dags.conftest import REPOSITORY

WELL = {
    "await_study": ["success"],
    "import_study": ["success"],
    "analyze_images": ["success", "success"],
    "write_dicom_results": ["success"],
    "write_fhir_report": ["success"],
    "raise_alert": ["success"],
    "archive_source": ["success"],
}
NOT_ARCHIVED = {**WELL, "archive_source": ["upstream_failed"]}

EXPECTED = {
    "all is well": ("success", WELL),
    "an analysis fails": ("failed", {**NOT_ARCHIVED, "analyze_images": ["success", "failed"]}),
    "every analysis fails": ("failed", {**NOT_ARCHIVED, "analyze_images": ["failed", "failed"]}),
    "nothing to analyse": ("success", {**WELL, "analyze_images": ["skipped"]}),
    "the import fails": (
        "failed",
        {
            "await_study": ["success"],
            "import_study": ["failed"],
            "analyze_images": ["upstream_failed"],
            "write_dicom_results": ["skipped"],
            "write_fhir_report": ["skipped"],
            "raise_alert": ["skipped"],
            "archive_source": ["upstream_failed"],
        },
    ),
    "the writers fail": (
        "failed",
        {**NOT_ARCHIVED, "write_dicom_results": ["failed"], "write_fhir_report": ["failed"]},
    ),
    "the alert fails": ("failed", {**NOT_ARCHIVED, "raise_alert": ["failed"]}),
}
"""The run and each of its tasks."""


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """How each scenario ended; one process with a database of its own runs them all."""
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path_factory.mktemp("scenarios")),
        "AIRFLOW__CORE__DAGS_FOLDER": str(REPOSITORY / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "0",
        "PYTHONPATH": str(REPOSITORY / "plugins"),
    }
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("scenarios.py")), str(REPOSITORY / "dags")],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    lines = [json.loads(ln) for ln in done.stdout.splitlines() if ln.startswith('{"scenario"')]
    return {line["scenario"]: line for line in lines}


@pytest.mark.parametrize("scenario", EXPECTED)
def test_how_a_run_ends(ended: dict[str, dict[str, Any]], scenario: str) -> None:
    run, tasks = EXPECTED[scenario]
    assert ended[scenario]["tasks"] == tasks
    assert ended[scenario]["run"] == run


def test_no_permanent_error_is_tried_again(ended: dict[str, dict[str, Any]]) -> None:
    assert {tries for run in ended.values() for tries in run["tries"].values()} <= {0, 1}


def test_every_scenario_is_judged(ended: dict[str, dict[str, Any]]) -> None:
    assert set(ended) == set(EXPECTED)
