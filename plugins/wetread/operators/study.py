"""What every task of ``study_pipeline`` has in common."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, TriggerRule
from airflow.sdk.exceptions import AirflowSkipException

from wetread.core.identity import StudyVersion, parse_run_id
from wetread.links.study import ReportLink
from wetread.operators.discretion import discreet

if TYPE_CHECKING:
    from airflow.sdk import Context

    from wetread.gcp.study_records import StudyRecords
    from wetread.hooks.installation import Installation


class StudyOperator(BaseOperator):
    """A task about one version of one study.

    Parameters
    ----------
    study
        The run id of the study version, ``study__<study key>__v<n>`` (templated).
    gcp_conn_id
        The Google connection; its extra ``endpoints`` may point services elsewhere.
    """

    template_fields: Sequence[str] = ("study", "gcp_conn_id")
    operator_extra_links = (ReportLink(),)

    def __init__(
        self,
        *,
        study: str = "{{ run_id }}",
        gcp_conn_id: str = "google_cloud_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.study = study
        self.gcp_conn_id = gcp_conn_id

    @property
    def version(self) -> StudyVersion:
        return parse_run_id(self.study)

    @cached_property
    def installation(self) -> Installation:
        from wetread.hooks.installation import Installation

        return Installation(self.gcp_conn_id)

    @cached_property
    def records(self) -> StudyRecords:
        from wetread.gcp.study_records import StudyRecords

        return StudyRecords(self.version, self.installation.state, self.installation.settings)


class StudyResultOperator(StudyOperator):
    """A task that writes results: it runs when the import succeeded, whatever else did not.

    No trigger rule of Airflow says so - each counts an empty plan, which is skipped, against the
    task - so the task waits until all before it is done, and skips itself without an import.
    """

    def __init__(self, *, trigger_rule: str = TriggerRule.ALL_DONE, **kwargs: Any) -> None:
        super().__init__(trigger_rule=trigger_rule, **kwargs)

    @discreet()
    def execute(self, context: Context) -> Any:
        if self.installation.state.find_import(self.version) is None:
            raise AirflowSkipException(f"{self.version} is not imported.")
        return self.write(context)

    def write(self, context: Context) -> Any:
        """Write the results; return counts and never an identifier."""
        raise NotImplementedError
