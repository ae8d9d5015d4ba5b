"""Rewrites that take several calls.

Bytes are shared, so a rewrite could always be done at once; a caller that bounds the bytes of a
call gets the tokens that Google would answer, and its loop can be tested.
Source: https://cloud.google.com/storage/docs/json_api/v1/objects/rewrite
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass

from localcloud.errors import invalid_argument
from localcloud.http.call import Query
from localcloud.storage.records import Draft, ObjectVersion

_MIB = 1 << 20


@dataclass(frozen=True)
class Progress:
    """Bytes rewritten so far; ``token`` continues, None when the rewrite is done."""

    bytes_rewritten: int
    token: str | None


def next_step(query: Query, source: ObjectVersion, draft: Draft) -> Progress:
    """Return how far a call takes a rewrite.

    Raises
    ------
    GoogleError
        400 for a bound that is not whole MiB, or a token of another rewrite.
    """
    bound = query.integer("maxBytesRewrittenPerCall")
    if bound is not None and (bound <= 0 or bound % _MIB):
        raise invalid_argument(f"maxBytesRewrittenPerCall must be a multiple of {_MIB} bytes.")
    request = _digest(source, draft)
    token = query.get("rewriteToken")
    done = 0 if token is None else _bytes_done(token, request)
    done = source.size if bound is None else min(source.size, done + bound)
    return Progress(done, None if done == source.size else _token(done, request))


def _digest(source: ObjectVersion, draft: Draft) -> str:
    """Tell one rewrite from another: every call must repeat the same request."""
    identity = [
        *(source.bucket, source.name, source.generation),
        *(draft.bucket, draft.name, dict(draft.fields)),
    ]
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def _token(done: int, request: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([done, request]).encode()).decode()


def _bytes_done(token: str, request: str) -> int:
    try:
        done, of_request = json.loads(base64.urlsafe_b64decode(token))
        if of_request == request:
            return max(0, int(done))
    except (ValueError, TypeError):
        pass
    raise invalid_argument(
        "Invalid rewriteToken: repeat the request that returned it, with the same source."
    )
