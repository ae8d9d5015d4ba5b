"""Lists in pages: a page token tells the last item of the page before, and how far it was."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from localcloud.errors import invalid_argument
from localcloud.http.call import Call

_Item = TypeVar("_Item")


def page(
    call: Call, items: Sequence[_Item], key: Callable[[_Item], str], default: int, maximum: int
) -> tuple[list[_Item], dict[str, Any]]:
    """Return the items of the page that a call asks for, and ``nextPageToken`` where more follow.

    ``items`` is the whole list in its order; ``key`` names each item uniquely.

    Raises
    ------
    GoogleError
        400 for a negative size or a token that this list did not give.
    """
    size = call.query.integer("pageSize") or default
    if size < 0:
        raise invalid_argument(f"pageSize is {size}; give 0 for the default, or a count.")
    size = min(size, maximum)
    start = 0
    if token := call.query.get("pageToken"):
        before, last = _decode(token)
        # An item that was deleted meanwhile has left its place to the one behind it.
        start = next((i + 1 for i, item in enumerate(items) if key(item) == last), before - 1)
    found = list(items[start : start + size])
    more = start + size < len(items)
    return found, {"nextPageToken": _encode(start + size, key(found[-1]))} if more else {}


def _encode(before: int, key: str) -> str:
    return base64.urlsafe_b64encode(f"{before} {key}".encode()).decode()


def _decode(token: str) -> tuple[int, str]:
    try:
        text = base64.b64decode(token.encode(), altchars=b"-_", validate=True).decode()
        before, _, key = text.partition(" ")
        if not (before.isdecimal() and int(before[:10]) > 0):
            raise ValueError
        return int(before[:10]), key
    except (binascii.Error, ValueError):
        raise invalid_argument("The page token is not one of this list.") from None
