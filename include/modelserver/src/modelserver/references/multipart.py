"""The parts of a ``multipart/related`` body, one after another, while it arrives (RFC 2387)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from modelserver.errors import InstanceError

_BOUNDARY = re.compile(r'boundary=(?:"([^"]+)"|([^;\s]+))', re.IGNORECASE)
_HEAD_END = b"\r\n\r\n"
_CLOSING = b"--"


def parts(content_type: str, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the content of each part; no more than one part and one chunk is held.

    Raises
    ------
    InstanceError
        ``REFERENCE_UNAVAILABLE``: the body is not multipart, or ends before it is complete.
    """
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise InstanceError("REFERENCE_UNAVAILABLE", "the store's answer is not multipart.")
    delimiter = b"\r\n--" + (found[1] or found[2]).encode()
    # The line break makes the first delimiter look like every other one.
    held, searched, is_first = bytearray(b"\r\n"), 0, True
    for chunk in chunks:
        held += chunk
        while 0 <= (end := held.find(delimiter, searched)) <= len(held) - len(delimiter) - 2:
            if not is_first:
                yield _content(held, end)
            after = end + len(delimiter)
            if held[after : after + 2] == _CLOSING:
                return
            del held[:after]
            searched, is_first = 0, False
        # A delimiter and what tells the last one may lie across two chunks.
        searched = max(len(held) - len(delimiter) - 2, 0)
    raise InstanceError("REFERENCE_UNAVAILABLE", "the store's answer broke off.")


def _content(held: bytearray, end: int) -> bytes:
    head_end = held.find(_HEAD_END, 0, end)
    start = head_end + len(_HEAD_END) if head_end >= 0 else end
    return bytes(memoryview(held)[start:end])
