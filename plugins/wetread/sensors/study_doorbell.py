"""Wait until something arrives, but never for long."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator

from wetread.operators.discretion import discreet

if TYPE_CHECKING:
    from airflow.sdk import Context

_PULL_SECONDS = 10.0


class StudyDoorbellSensor(BaseSensorOperator):
    """Listen to the notifications of the bucket and the DICOM store; fall through in any case.

    A notification is only a doorbell: it is given back at once, and intake lists for itself what is
    there. A lost one therefore delays a study by ``listen_seconds`` and loses nothing.

    Parameters
    ----------
    listen_seconds
        How long to listen at the most.
    """

    template_fields: Sequence[str] = ("gcp_conn_id",)

    def __init__(
        self,
        *,
        listen_seconds: float = 60.0,
        gcp_conn_id: str = "google_cloud_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.listen_seconds = listen_seconds
        self.gcp_conn_id = gcp_conn_id

    @discreet()
    def poke(self, context: Context) -> bool:
        from wetread.hooks.installation import Installation

        subscription = Installation(self.gcp_conn_id).study_events
        deadline = time.monotonic() + self.listen_seconds
        while (left := deadline - time.monotonic()) > 0:
            messages = subscription.pull(1, min(left, _PULL_SECONDS))
            if messages:
                subscription.release([message.ack_id for message in messages])
                self.log.info("Something arrived.")
                return True
        self.log.info("Nothing rang for %s seconds; looking all the same.", self.listen_seconds)
        return True
