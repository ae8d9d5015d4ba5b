"""The form: every field is validated and explained."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest

from wetread.core.claim import Priority

if TYPE_CHECKING:
    from airflow.models import DagBag
    from airflow.sdk.definitions.param import Param


@pytest.fixture
def fields(dag_bag: DagBag) -> dict[str, Param]:
    params = deepcopy(dag_bag.dags["study_request"].params)
    return {name: params.get_param(name) for name in params}


def test_the_form_asks_for_a_study_and_a_priority(fields: dict[str, Param]) -> None:
    assert set(fields) == {"study", "priority"}
    for field in fields.values():
        assert field.schema["title"]
        assert field.description
        assert field.description.endswith(".")


@pytest.mark.parametrize("priority", Priority)
def test_priorities(fields: dict[str, Param], priority: Priority) -> None:
    assert fields["priority"].resolve(priority.value) == priority


def test_routine_is_the_default(fields: dict[str, Param]) -> None:
    assert fields["priority"].resolve() == Priority.ROUTINE


@pytest.mark.parametrize("study", ["incoming/ward-7/", "1.2.840.113619.2.1", "x" * 1024])
def test_studies(fields: dict[str, Param], study: str) -> None:
    assert fields["study"].resolve(study) == study


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("priority", "immediately"),
        ("priority", "STAT"),
        ("priority", ""),
        ("priority", None),
        ("priority", 1),
        ("study", ""),
        ("study", None),
        ("study", 7),
        ("study", "x" * 1025),
    ],
)
def test_a_bad_value_is_refused(fields: dict[str, Param], field: str, value: Any) -> None:
    from airflow.sdk.exceptions import ParamValidationError

    with pytest.raises(ParamValidationError):
        fields[field].resolve(value)


def test_the_study_has_to_be_given(fields: dict[str, Param]) -> None:
    from airflow.sdk.exceptions import ParamValidationError

    with pytest.raises(ParamValidationError):
        fields["study"].resolve()


def test_the_request_is_not_rendered(dag_bag: DagBag) -> None:
    """It may hold a StudyInstanceUID, and rendered fields stay in Airflow's database."""
    resolve = dag_bag.dags["study_request"].get_task("resolve_study")
    assert set(resolve.template_fields) == {"gcp_conn_id", "pipeline_dag_id"}
