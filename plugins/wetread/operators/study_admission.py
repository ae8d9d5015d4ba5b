"""What the tasks that start runs of ``study_pipeline`` have in common."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from wetread.core.identity import StudyVersion
    from wetread.hooks.installation import Installation


class StudyAdmissionOperator(BaseOperator):
    """A task that says which studies' runs to start, within the setting ``admitted_runs``.

    Parameters
    ----------
    pipeline_dag_id
        The DAG whose runs are counted for admission.
    gcp_conn_id
        The Google connection; its extra ``endpoints`` may point services elsewhere.
    """

    template_fields: Sequence[str] = ("pipeline_dag_id", "gcp_conn_id")

    def __init__(
        self,
        *,
        pipeline_dag_id: str,
        gcp_conn_id: str = "google_cloud_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.pipeline_dag_id = pipeline_dag_id
        self.gcp_conn_id = gcp_conn_id

    @cached_property
    def installation(self) -> Installation:
        from wetread.hooks.installation import Installation

        return Installation(self.gcp_conn_id)

    def room_for_runs(self, context: Context) -> int:
        """Return how many more routine studies may run."""
        running = context["ti"].get_dr_count(
            dag_id=self.pipeline_dag_id, states=["running", "queued"]
        )
        return self.installation.settings.admitted_runs - running


def run_to_start(study: StudyVersion) -> dict[str, Any]:
    """Return the arguments of a ``TriggerDagRunOperator`` that starts the study's run."""
    return {"trigger_run_id": study.run_id, "conf": {"study_key": study.study_key}}
