"""Make a healthy stack ready for studies: settings, platform, DAGs."""

from __future__ import annotations

import time
from collections.abc import Callable

from stack.airflow_api import AirflowApi
from stack.errors import StackError
from stack.settings import AirflowSettings
from stack.waiting import Watch, wait_until

PLATFORM_DAG = "platform_setup"
PARSE_SECONDS = 180.0
PLATFORM_SECONDS = 300.0

_FAILED = frozenset({"failed", "upstream_failed"})

Say = Callable[[str], None]


def provision(settings: AirflowSettings, api: AirflowApi, watch: Watch, say: Say) -> None:
    """Load the settings, run platform_setup, and let every DAG run.

    Raises
    ------
    StackError
        The settings are refused, a DAG file does not load, or platform_setup does not succeed.
    """
    settings.apply(api)
    say("settings loaded")
    _wait_for_dag(api, watch)
    run_platform_setup(api, watch, say)
    for dag_id, is_paused in sorted(api.dags().items()):
        if is_paused:
            api.resume(dag_id)


def run_platform_setup(api: AirflowApi, watch: Watch, say: Say) -> None:
    """Trigger platform_setup, which may run any number of times, and wait for its success."""
    begun = time.monotonic()
    api.resume(PLATFORM_DAG)
    run_id = api.trigger(PLATFORM_DAG, {})

    def succeeded() -> bool:
        state = api.run_state(PLATFORM_DAG, run_id)
        if state in _FAILED:
            raise StackError("platform-failed", f"{PLATFORM_DAG} failed in {_failed(api, run_id)}")
        return state == "success"

    wait_until(
        succeeded,
        PLATFORM_SECONDS,
        watch,
        lambda: StackError(
            "platform-slow", f"{PLATFORM_DAG} did not end within {PLATFORM_SECONDS:.0f} s."
        ),
    )
    say(f"{PLATFORM_DAG} succeeded after {time.monotonic() - begun:.1f} s")


def _wait_for_dag(api: AirflowApi, watch: Watch) -> None:
    wait_until(
        lambda: PLATFORM_DAG in api.dags(),
        PARSE_SECONDS,
        watch,
        lambda: StackError("dag-missing", _why_missing(api)),
    )


def _why_missing(api: AirflowApi) -> str:
    errors = "; ".join(f"{file}: {error}" for file, error in sorted(api.import_errors().items()))
    return f"Airflow does not know the DAG {PLATFORM_DAG}. {errors or 'No DAG file has errors.'}"


def _failed(api: AirflowApi, run_id: str) -> str:
    rows = api.task_instances(PLATFORM_DAG, run_id)
    tasks = [row["task_id"] for row in rows if row["state"] in _FAILED]
    return f"{', '.join(tasks) or 'no task'}; its log is in Airflow's UI."
