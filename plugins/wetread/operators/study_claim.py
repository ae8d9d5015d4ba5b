"""Claim arrived studies, and admit as many of them as may run."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from wetread.core.claim import Priority
from wetread.core.errors import WetreadError
from wetread.core.events import failure_event
from wetread.notifiers.failure_event import EVENTS
from wetread.operators.discretion import discreet
from wetread.operators.study_admission import StudyAdmissionOperator, run_to_start

if TYPE_CHECKING:
    from airflow.sdk import Context

    from wetread.core.identity import StudyVersion
    from wetread.gcp.pubsub import Message

_PULL_SIZE = 1000
_PULLS = 10
"""Messages taken in one round, at most ten thousand; the rest rings again."""

_PULL_SECONDS = 2.0


class ClaimStudiesOperator(StudyAdmissionOperator):
    """Claim what arrived in the bucket or the DICOM store; say which runs to start.

    Lists ``incoming/``, reads the headers of new objects, opens a version for every study that has
    something new, and acknowledges the messages that told of it only then. A study that cannot be
    claimed is reported and tried again by the next round, and holds up no other. Routine studies
    are admitted up to the setting ``admitted_runs``; the rest waits in the state bucket.

    Returns the runs to start, to map a ``TriggerDagRunOperator`` over:
    ``{"trigger_run_id", "conf"}``. The XCom ``counts`` says what the round did.
    """

    @discreet()
    def execute(self, context: Context) -> list[dict[str, Any]]:
        started, now = time.monotonic(), datetime.now(UTC)
        messages = self._messages()
        arrived = self.installation.intake.claim_arrived(now)
        stored = self.installation.intake.claim_stored(messages, now)
        self.installation.study_events.acknowledge(
            [message.ack_id for message in messages if message.ack_id not in stored.unanswered]
        )
        failures = (*arrived.failures, *stored.failures)
        for error in failures:
            self._report(error, context, time.monotonic() - started)
        admitted, waiting = self._admit(context)
        counts = {
            "messages": len(messages),
            "objects": arrived.objects,
            "opened_versions": arrived.opened_versions + stored.opened_versions,
            "rejected_objects": arrived.rejected_objects,
            "failed_studies": len(failures),
            "admitted": len(admitted),
            "waiting": waiting,
        }
        context["ti"].xcom_push(key="counts", value=counts)
        self.log.info("Intake: %s", counts)
        return [run_to_start(study) for study in admitted]

    def _report(self, error: WetreadError, context: Context, seconds: float) -> None:
        """Write the failure of one study as an event; the other studies must not wait for it."""
        event = failure_event(
            error.code,
            study_key=None,
            version=None,
            modality=None,
            task=self.task_id,
            attempt=context["ti"].try_number,
            seconds=seconds,
            versions={},
        )
        EVENTS.error("%s", event.json_line())
        self.log.error("One study was not claimed: %s", error)

    def _messages(self) -> list[Message]:
        messages: list[Message] = []
        for _ in range(_PULLS):
            pulled = self.installation.study_events.pull(_PULL_SIZE, _PULL_SECONDS)
            messages += pulled
            if len(pulled) < _PULL_SIZE:
                break
        return messages

    def _admit(self, context: Context) -> tuple[list[StudyVersion], int]:
        """Return the studies to start now, and how many have to wait."""
        count_runs = context["ti"].get_dr_count
        room = self.room_for_runs(context)
        admitted, waiting = [], 0
        state = self.installation.state
        for entry in state.waiting():
            if count_runs(dag_id=self.pipeline_dag_id, run_ids=[entry.study.run_id]):
                # The run removes its own entry; one of a round that died is known to nobody else,
                # and would start the version again once Airflow's old runs are cleaned away.
                state.leave_queue(entry.study, entry.priority, entry.opened_at)
                continue
            if room > 0 or entry.priority is not Priority.ROUTINE:
                admitted.append(entry.study)
                room -= 1
            else:
                waiting += 1
        return admitted, waiting
