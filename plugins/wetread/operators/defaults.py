"""What the tasks of every DAG have in common; DAGs pass it as ``default_args``."""

from __future__ import annotations

from typing import Any

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule

from wetread.core.errors import PermanentError
from wetread.notifiers.failure_event import report_failure

RETRY_POLICY = ExceptionRetryPolicy(
    rules=[
        RetryRule(
            exception=PermanentError,
            action=RetryAction.FAIL,
            reason="Trying again cannot help.",
        )
    ]
)
"""A permanent error fails the task at once; whatever else happens is tried again."""

DEFAULT_ARGS: dict[str, Any] = {
    "owner": "wetread",
    "retries": 3,
    "retry_exponential_backoff": True,
    "retry_policy": RETRY_POLICY,
    "on_failure_callback": report_failure,
    "on_retry_callback": report_failure,
}
"""The delay of the first retry is Airflow's setting ``core.default_task_retry_delay``."""
