"""The DAGs as Airflow's DAG processor sees them, loaded once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from airflow.models import DagBag
    from airflow.sdk import DAG

REPOSITORY = Path(__file__).parents[2]
DAG_FILES = sorted((REPOSITORY / "dags").glob("*.py"))


@pytest.fixture(scope="session")
def dag_bag() -> DagBag:
    from airflow.models import DagBag

    return DagBag(dag_folder=str(REPOSITORY / "dags"))


@pytest.fixture(params=[path.stem for path in DAG_FILES])
def dag(request: pytest.FixtureRequest, dag_bag: DagBag) -> DAG:
    """Each DAG in turn; the DAG of a file bears the file's name."""
    return dag_bag.dags[request.param]
