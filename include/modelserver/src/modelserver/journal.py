"""One JSON object a line on standard error: names, counts and seconds, never content."""

from __future__ import annotations

import json
import logging
import sys
import warnings
from datetime import UTC, datetime
from typing import TextIO

Value = str | int | float | dict[str, int]


def journal(event: str, *, stream: TextIO | None = None, **fields: Value) -> None:
    """Write one event."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    line = json.dumps({"time": now, "event": event, **fields})
    print(line, file=stream or sys.stderr, flush=True)


def silence_libraries() -> None:
    """Let no library write: pydicom's warnings quote headers, urllib3's log quotes addresses."""
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
