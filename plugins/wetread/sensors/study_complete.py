"""Wait until a study is complete."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator

from wetread.core.claim import Cause
from wetread.core.identity import parse_run_id
from wetread.operators.discretion import discreet

if TYPE_CHECKING:
    from airflow.sdk import Context

    from wetread.core.claim import ClaimedVersion
    from wetread.hooks.installation import Installation


class StudyCompleteSensor(BaseSensorOperator):
    """Wait for a ``_COMPLETE`` object in every folder of the study, or for a quiet period.

    Nobody can know that a study is complete - a modality may send another series an hour later -
    so what comes after is not lost: intake opens the study's next version. Between pokes the
    sensor holds no slot.

    Parameters
    ----------
    study
        The run id of the study version (templated).
    """

    template_fields: Sequence[str] = ("study", "gcp_conn_id")

    def __init__(
        self,
        *,
        study: str = "{{ run_id }}",
        gcp_conn_id: str = "google_cloud_default",
        mode: str = "reschedule",
        **kwargs: Any,
    ) -> None:
        super().__init__(mode=mode, **kwargs)
        self.study = study
        self.gcp_conn_id = gcp_conn_id

    @discreet()
    def poke(self, context: Context) -> bool:
        from wetread.hooks.installation import Installation

        installation = Installation(self.gcp_conn_id)
        study = parse_run_id(self.study)
        version = installation.state.claim(study.study_key).version(study.version)
        installation.state.leave_queue(study, version.priority, version.opened_at)
        complete = _is_complete(installation, version, datetime.now(UTC))
        self.log.info("%s is %s.", study, "complete" if complete else "still arriving")
        return complete


def _is_complete(installation: Installation, version: ClaimedVersion, now: datetime) -> bool:
    from wetread.core.arrivals import is_complete

    quiet = timedelta(seconds=installation.settings.quiet_period_seconds)
    if version.stored_at and now - datetime.fromisoformat(version.stored_at) < quiet:
        return False
    if version.cause is Cause.REQUESTED:
        return True
    objects = [item for folder in version.folders for item in installation.incoming.objects(folder)]
    return is_complete(objects, version.folders, now, quiet)
