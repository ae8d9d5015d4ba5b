"""Links from a task to its study; they carry the study key and are resolved behind the login."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import BaseOperatorLink

from wetread.core.errors import WetreadError
from wetread.core.identity import parse_run_id

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey


class ReportLink(BaseOperatorLink):
    """The study's preliminary report."""

    name = "Report"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        try:
            return f"/wetread/go/{parse_run_id(ti_key.run_id).study_key}/report"
        except WetreadError:
            return ""
