"""Lists in pages: a page token is the name of the last resource of the page before."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any

from localcloud.pubsub.errors import invalid
from localcloud.pubsub.ledger import Transaction
from localcloud.pubsub.limits import DEFAULT_PAGE_SIZE


def page(
    tx: Transaction, sql: str, arguments: Sequence[Any], size: int, token: str
) -> tuple[list[Any], str]:
    """Run `sql`, whose last two parameters are a name to begin after and a row limit.

    Returns the rows, each with its name in column `name`, and the token of the next page.
    """
    if size < 0:
        raise invalid(f"Invalid page size given: {size}.")
    size = min(size or DEFAULT_PAGE_SIZE, DEFAULT_PAGE_SIZE)
    rows = tx.execute(sql, (*arguments, _decode(token), size + 1)).fetchall()
    more = len(rows) > size
    rows = rows[:size]
    return rows, _encode(rows[-1]["name"]) if more else ""


def _encode(name: str) -> str:
    return base64.urlsafe_b64encode(name.encode()).decode()


def _decode(token: str) -> str:
    try:
        return base64.urlsafe_b64decode(token.encode()).decode()
    except (binascii.Error, ValueError):
        raise invalid("Invalid page token given.") from None
