"""What keeps the transports from logging what they transport: URLs hold UIDs and senders' names."""

from __future__ import annotations

import logging

_TRANSPORTS = ("google", "urllib3")


def keep_urls_out_of_logs() -> None:
    """Let the clients' libraries report errors only; Airflow writes their loggers to task logs.

    The Storage client names an object at INFO when an answer has no checksum and at WARNING when it
    is longer than asked for; urllib3 prints URLs at DEBUG and WARNING. What fails reaches the task
    as an exception, which :func:`wetread.gcp.retries.translated` rewrites.
    """
    for name in _TRANSPORTS:
        logging.getLogger(name).setLevel(logging.ERROR)
