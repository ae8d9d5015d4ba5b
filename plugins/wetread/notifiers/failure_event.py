"""Write one structured event for every task that fails, in every DAG."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from wetread.core.errors import WetreadError
from wetread.core.events import failure_event
from wetread.core.identity import parse_run_id

if TYPE_CHECKING:
    from airflow.sdk import Context

EVENTS = logging.getLogger("wetread.events")
"""One JSON object a line; log-based metrics and alert policies read it."""

UNEXPECTED = "unexpected"
"""The code of a failure that is none of Wetread's own errors."""


def report_failure(context: Context) -> None:
    """Log the event of a failed try; a callback for ``on_failure`` and ``on_retry``.

    The exception's text stays out: only its code is certain to name nobody.
    """
    ti, exception = context["ti"], context.get("exception")
    try:
        study = parse_run_id(str(context["run_id"]))
    except WetreadError:
        study = None
    started = ti.start_date or datetime.now(UTC)
    event = failure_event(
        exception.code if isinstance(exception, WetreadError) else UNEXPECTED,
        study_key=study.study_key if study else None,
        version=study.version if study else None,
        modality=None,
        task=ti.task_id,
        attempt=ti.try_number,
        seconds=(datetime.now(UTC) - started).total_seconds(),
        versions={},
    )
    EVENTS.error("%s", event.json_line())
