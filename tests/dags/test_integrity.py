"""What every DAG has in common: it loads, explains itself, retries and names what exists."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from tests.dags.conftest import DAG_FILES, REPOSITORY

from wetread.core.errors import catalogue, problem

if TYPE_CHECKING:
    from airflow.models import DagBag
    from airflow.sdk import DAG

DAG_IDS = {"platform_setup", "study_intake", "study_pipeline", "study_request"}
TAGS = {"wetread", "intake", "platform", "study"}
LINE_LIMIT = 120
LEAST_RETRIES = 2
SETTINGS = yaml.safe_load((REPOSITORY / "airflow_settings.yaml").read_text("utf-8"))["airflow"]


def test_every_dag_loads(dag_bag: DagBag) -> None:
    assert dag_bag.import_errors == {}
    assert set(dag_bag.dags) == DAG_IDS


def test_a_file_holds_the_dag_of_its_name(dag: DAG) -> None:
    assert Path(dag.fileloc).name == f"{dag.dag_id}.py"


@pytest.mark.parametrize("path", DAG_FILES, ids=lambda path: path.stem)
def test_a_file_is_wiring_only(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= LINE_LIMIT


def test_the_page_of_a_dag_is_its_docstring(dag: DAG) -> None:
    docstring = ast.get_docstring(ast.parse(Path(dag.fileloc).read_text("utf-8")), clean=False)
    assert dag.doc_md is not None
    assert docstring is not None
    assert dag.doc_md.strip() == docstring.strip()
    assert dag.doc_md.startswith("### ")


def test_tags_are_of_the_known_set(dag: DAG) -> None:
    assert dag.tags <= TAGS
    assert "wetread" in dag.tags
    assert len(dag.tags) > 1


def test_no_past_is_caught_up_with(dag: DAG) -> None:
    assert dag.catchup is False


def test_every_task_retries(dag: DAG) -> None:
    assert dag.tasks
    assert {task.task_id: task.retries for task in dag.tasks if task.retries < LEAST_RETRIES} == {}


def test_every_task_explains_itself(dag: DAG) -> None:
    """Task bodies carry a docstring; operators and sensors are documented classes."""
    for task in dag.tasks:
        described = getattr(task, "python_callable", None) or getattr(task, "operator_class", task)
        assert (described.__doc__ or "").strip(), task.task_id


def test_pools_are_those_that_the_settings_create(dag: DAG) -> None:
    pools = {pool["pool_name"] for pool in SETTINGS["pools"]} | {"default_pool"}
    assert {task.pool for task in dag.tasks} <= pools


def test_no_pool_of_the_settings_is_unused(dag_bag: DagBag) -> None:
    used = {task.pool for dag in dag_bag.dags.values() for task in dag.tasks}
    assert {pool["pool_name"] for pool in SETTINGS["pools"]} <= used


def test_connections_are_those_that_the_settings_create(dag: DAG) -> None:
    connections = {connection["conn_id"] for connection in SETTINGS["connections"]}
    named = {getattr(task, "gcp_conn_id", "google_cloud_default") for task in dag.tasks}
    assert named <= connections


@pytest.mark.parametrize("code", catalogue())
def test_the_retry_policy_fails_permanent_errors_at_once(dag: DAG, code: str) -> None:
    from airflow.sdk import RetryAction

    expected = {"PermanentError": RetryAction.FAIL, "RetriableError": RetryAction.DEFAULT}
    error = problem(code, "It failed.")
    for task in dag.tasks:
        policy = task.partial_kwargs["retry_policy"] if task.is_mapped else task.retry_policy
        decision = policy.evaluate(error, try_number=1, max_tries=3)
        assert decision.action is expected[type(error).__name__], task.task_id


@pytest.mark.parametrize("error", [KeyError("x"), TimeoutError(), MemoryError()], ids=repr)
def test_an_error_that_is_not_ours_is_tried_again(dag: DAG, error: Exception) -> None:
    from airflow.sdk import RetryAction

    from wetread.operators.defaults import RETRY_POLICY

    assert RETRY_POLICY.evaluate(error, try_number=1, max_tries=3).action is RetryAction.DEFAULT
    assert all(task.retry_exponential_backoff for task in dag.tasks)


def test_waiting_holds_no_slot(dag_bag: DagBag) -> None:
    """All but the doorbell, whose run exists in order to listen."""
    from airflow.sdk import BaseSensorOperator

    sensors = {
        task.task_id: task.mode
        for dag in dag_bag.dags.values()
        for task in dag.tasks
        if isinstance(task, BaseSensorOperator)
    }
    assert sensors == {"await_study": "reschedule", "await_doorbell": "poke"}
