"""Import a study into a DICOM store of the Cloud Healthcare API."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from wetread.core.errors import problem
from wetread.operators.discretion import discreet
from wetread.operators.study import StudyOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from wetread.gcp.healthcare import Operation
    from wetread.gcp.study_import import StudyImport

_POLLS_SECONDS = (0.2, 0.3, 0.5, 0.5, 1.0, 1.0, 1.5)
"""Waits between polls before the task gives its slot back; most studies are imported by then."""


class ImportStudyOperator(StudyOperator):
    """Seal what the study version consists of, and import it.

    The version's objects are copied to a staging prefix that holds nothing else, because an import
    takes all that matches its URI; ``dicomStores.import`` then runs as a long-running operation,
    and the store's instances are compared with what was sent, because its counters alone do not
    say which file failed (Cloud Healthcare API, "Importing and exporting DICOM data").

    Returns the plan: a list of rows ``{"row_id", "label"}`` to map :class:`AnalyzeImagesOperator`
    over. The XCom ``counts`` holds ``{"accepted", "refused", "stored_before",
    "expected_vision_units", "unmatched_series"}``: what Vision AI will bill at most, and image
    series that no analysis takes.

    Parameters
    ----------
    poll_interval
        How long to stay deferred between polls once the first seconds have passed; at least 10 s.
    give_up_after
        How long the operation may take; after that the task fails and its next try starts another.

    Raises
    ------
    RetriableError
        ``import-failed``, ``import-incomplete``.
    """

    template_fields: Sequence[str] = (
        *StudyOperator.template_fields,
        "poll_interval",
        "give_up_after",
    )

    def __init__(
        self,
        *,
        poll_interval: timedelta = timedelta(seconds=10),
        give_up_after: timedelta = timedelta(hours=6),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.poll_interval = poll_interval
        self.give_up_after = give_up_after

    @discreet()
    def execute(self, context: Context) -> list[dict[str, str]]:
        claim = self.installation.state.claim(self.version.study_key)
        manifest = self._import.seal(claim, datetime.now(UTC))
        name = self._import.start(manifest)
        operation = self._poll(name, datetime.now(UTC)) if name else None
        return self._finish(context, operation)

    @discreet()
    def resume(
        self,
        context: Context,
        event: dict[str, Any] | None = None,
        *,
        operation: str,
        started_at: str,
    ) -> list[dict[str, str]]:
        """Poll once more after a while in the triggerer."""
        started = datetime.fromisoformat(started_at)
        return self._finish(context, self._poll(operation, started, (0.0,)))

    def _poll(
        self, name: str, started: datetime, waits_seconds: Sequence[float] = _POLLS_SECONDS
    ) -> Operation:
        for seconds in waits_seconds:
            time.sleep(seconds)
            operation = self._import.poll(name)
            if operation.done:
                return operation
        if datetime.now(UTC) - started > self.give_up_after:
            raise problem(
                "import-failed",
                f"the import of {self.version} did not end within {self.give_up_after}.",
            )
        from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger
        from airflow.sdk.exceptions import TaskDeferred

        raise TaskDeferred(
            trigger=TimeDeltaTrigger(self.poll_interval),
            method_name="resume",
            kwargs={"operation": name, "started_at": started.isoformat()},
        )

    def _finish(self, context: Context, operation: Operation | None) -> list[dict[str, str]]:
        manifest = self.records.manifest
        refused = self._import.finish(manifest, operation)
        counts = {
            "accepted": len(manifest.accepted) - len(refused),
            "refused": len(manifest.refused) + len(refused),
            "stored_before": len(manifest.stored),
            "expected_vision_units": self.records.plan.expected_vision_units,
            "unmatched_series": len(self.records.plan.unmatched),
        }
        context["ti"].xcom_push(key="counts", value=counts)
        self.log.info("Imported %s: %s", self.version, counts)
        for row in self.records.plan.rows:
            self.log.info("Planned %s %s: %s", self.version, row.row_id, row.label)
        for series in self.records.plan.unmatched:
            self.log.info("No analysis of %s takes %s", self.version, series.label)
        return [{"row_id": row.row_id, "label": row.label} for row in self.records.plan.rows]

    @cached_property
    def _import(self) -> StudyImport:
        from wetread.gcp.deployed_models import deployed_models
        from wetread.gcp.study_import import StudyImport

        installation = self.installation
        return StudyImport(
            study=self.version,
            intake=installation.intake,
            healthcare=installation.healthcare.client(),
            dicom_store=installation.dataset.dicom_store(installation.settings.dicom_store),
            settings=installation.settings,
            deployed=partial(deployed_models, lambda: installation.vertex),
            sleep=time.sleep,
        )
