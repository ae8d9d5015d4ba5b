"""Ack ids: each names one lease of one delivery.

The number of the lease tells a current ack id from that of an earlier lease, also after a restart.
"""

from __future__ import annotations

import re

from localcloud.pubsub.errors import malformed_ack_id

_ACK_ID = re.compile(r"([0-9]{1,18})-([0-9]{1,18})", re.ASCII)


def format_ack_id(delivery_id: int, lease_number: int) -> str:
    """Return the ack id of a delivery's lease."""
    return f"{delivery_id}-{lease_number}"


def parse_ack_id(ack_id: str) -> tuple[int, int]:
    """Return the delivery's id and the number of its lease.

    Raises
    ------
    GoogleError
        INVALID_ARGUMENT for what was never an ack id.
    """
    parsed = match_ack_id(ack_id)
    if parsed is None:
        raise malformed_ack_id(ack_id)
    return parsed


def match_ack_id(ack_id: str) -> tuple[int, int] | None:
    """Return what `parse_ack_id` does, or None for what was never an ack id."""
    match = _ACK_ID.fullmatch(ack_id)
    return (int(match[1]), int(match[2])) if match else None
