"""Resolve what a person typed into a form to studies."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from wetread.core.claim import Priority
from wetread.core.errors import problem
from wetread.core.identity import UID_PATTERN
from wetread.operators.discretion import discreet
from wetread.operators.study_admission import StudyAdmissionOperator, run_to_start

if TYPE_CHECKING:
    from airflow.sdk import Context


class ResolveStudyOperator(StudyAdmissionOperator):
    """Find the studies that a bucket prefix or a StudyInstanceUID means; open a version of each.

    The request is read from the run's ``params`` and is not a template field: it names a patient's
    study, and rendered fields are kept in Airflow's database.

    Routine studies beyond the setting ``admitted_runs`` wait in the queue, from which
    :class:`ClaimStudiesOperator` starts them.

    Returns the runs to start: ``{"trigger_run_id", "conf"}``. The same run of the request always
    means the same versions, so that a cleared task starts nothing twice.

    Raises
    ------
    PermanentError
        ``study-not-found``, ``prefix-invalid``.
    """

    @discreet()
    def execute(self, context: Context) -> list[dict[str, Any]]:
        params = context["params"]
        asked, priority = str(params["study"]).strip(), Priority(params["priority"])
        now, intake = datetime.now(UTC), self.installation.intake
        studies = self._by_uid(asked) if UID_PATTERN.match(asked) else self._by_prefix(asked)
        versions = [
            intake.request(study, folders, priority, now, request=str(context["run_id"]))
            for study, folders in studies.items()
        ]
        started = versions
        if priority is Priority.ROUTINE:
            room = self.room_for_runs(context)
            started = versions[: max(room, 0)]
        waiting = len(versions) - len(started)
        self.log.info("Of %s studies, %s wait for their turn.", len(versions), waiting)
        return [run_to_start(version) for version in started]

    def _by_prefix(self, prefix: str) -> dict[str, set[str]]:
        from wetread.core.arrivals import INCOMING

        folder = prefix.removeprefix(f"gs://{self.installation.settings.incoming_bucket}/")
        folder = folder.removeprefix(INCOMING).strip("/")
        if not folder or "/" in folder:
            raise problem("prefix-invalid", "the request names no folder below incoming/.")
        studies = self.installation.intake.studies_below(folder)
        if not studies:
            raise problem("study-not-found", "the folder holds no study.")
        return {study: {folder} for study in studies}

    def _by_uid(self, study_instance_uid: str) -> dict[str, set[str]]:
        intake = self.installation.intake
        folders = intake.folders_of(study_instance_uid)
        if not folders and not intake.stored_headers(study_instance_uid, "the requested study"):
            raise problem("study-not-found", "nothing of the study is in the bucket or the store.")
        return {study_instance_uid: folders}
