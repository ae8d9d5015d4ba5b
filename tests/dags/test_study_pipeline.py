"""The per-study DAG: what waits for what, and what runs although something failed."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from airflow.models import DagBag
    from airflow.sdk import DAG

WRITERS = {"write_dicom_results", "write_fhir_report", "raise_alert"}
UPSTREAM = {
    "await_study": set(),
    "import_study": {"await_study"},
    "analyze_images": {"import_study"},
    **{writer: {"import_study", "analyze_images"} for writer in WRITERS},
    "archive_source": {"analyze_images", *WRITERS},
}
RULES = {
    "await_study": "all_success",
    "import_study": "all_success",
    "analyze_images": "all_success",
    **dict.fromkeys(WRITERS, "all_done"),
    "archive_source": "none_failed",
}
"""A writer runs whatever became of the analyses, and skips itself without an import; the last task
fails the run if a part is missing."""


RENDERED = {"study", "gcp_conn_id", "row", "poll_interval", "give_up_after"}
"""A run id, a connection's name, a row's id and label, and seconds."""


@pytest.fixture
def pipeline(dag_bag: DagBag) -> DAG:
    return dag_bag.dags["study_pipeline"]


def test_what_waits_for_what(pipeline: DAG) -> None:
    assert {task.task_id: task.upstream_task_ids for task in pipeline.tasks} == UPSTREAM


def test_trigger_rules(pipeline: DAG) -> None:
    assert {task.task_id: task.trigger_rule.value for task in pipeline.tasks} == RULES


def test_an_alert_waits_for_no_writer(pipeline: DAG) -> None:
    upstream = pipeline.get_task("raise_alert").get_flat_relative_ids(upstream=True)
    assert upstream == {"await_study", "import_study", "analyze_images"}


def test_one_task_per_plan_row(pipeline: DAG) -> None:
    assert {task.task_id for task in pipeline.tasks if task.is_mapped} == {"analyze_images"}
    mapped = pipeline.get_task("analyze_images")
    assert mapped.map_index_template == "{{ task.row['label'] }}"


def test_a_run_is_for_a_study_key(pipeline: DAG) -> None:
    from airflow.sdk.exceptions import ParamValidationError

    study_key = deepcopy(pipeline.params).get_param("study_key")
    assert study_key.resolve("k1-abcdefghijklmnopqrstuvwxyz") == "k1-abcdefghijklmnopqrstuvwxyz"
    for value in ("2.25.7", "", None, "k1-short", 7):
        with pytest.raises(ParamValidationError):
            study_key.resolve(value)


def test_no_task_renders_an_identifier(pipeline: DAG) -> None:
    """Rendered fields are kept in Airflow's database, where no identifier may stand."""
    for task in pipeline.tasks:
        assert set(task.template_fields) <= RENDERED, task.task_id
