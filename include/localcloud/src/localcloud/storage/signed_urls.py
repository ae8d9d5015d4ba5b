"""Signed URLs: who signed, until when, and which headers must be sent.

The signature itself is not verified: nobody gave this server the signer's public key. Everything
else that makes Google refuse a signed URL does so here too.
Source: https://cloud.google.com/storage/docs/authentication/signatures and
https://cloud.google.com/storage/docs/access-control/signed-urls-v2
"""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

from localcloud.errors import GoogleError
from localcloud.http.call import Call, Query

_MAX_SECONDS = 604_800
_ALGORITHMS = ("GOOG4-RSA-SHA256", "GOOG4-HMAC-SHA256")
_REQUIRED = (
    "X-Goog-Credential",
    "X-Goog-Date",
    "X-Goog-Expires",
    "X-Goog-SignedHeaders",
    "X-Goog-Signature",
)
_CREDENTIAL = re.compile(r"(?P<signer>[^/]+)/\d{8}/[^/]+/storage/goog4_request")
_V2_REQUIRED = ("GoogleAccessId", "Expires", "Signature")


def signer(query: Query) -> str | None:
    """Return whose authority a request's query claims, None for one that is not signed."""
    if "X-Goog-Algorithm" in query:
        match = _CREDENTIAL.fullmatch(query.get("X-Goog-Credential") or "")
        return None if match is None else match["signer"]
    return query.get("GoogleAccessId")


def check(call: Call) -> None:
    """Check a request that carries a signature; one that does not is anonymous.

    Raises
    ------
    GoogleError
        400 when the URL is incomplete or has expired, 403 when a signed header is missing.
    """
    if "X-Goog-Algorithm" in call.query:
        _check_v4(call)
    elif "GoogleAccessId" in call.query:
        _check_v2(call)


def _check_v4(call: Call) -> None:
    query = call.query
    _require(query, _REQUIRED)
    if query.get("X-Goog-Algorithm") not in _ALGORITHMS or signer(query) is None:
        raise _refused("InvalidArgument", "Invalid X-Goog-Algorithm or X-Goog-Credential.")
    lifetime = query.integer("X-Goog-Expires") or 0
    if not 0 < lifetime <= _MAX_SECONDS:
        raise _refused(
            "InvalidArgument", f"X-Goog-Expires must be 1 to {_MAX_SECONDS} seconds (7 days)."
        )
    try:
        begin = datetime.strptime(query.get("X-Goog-Date") or "", "%Y%m%dT%H%M%SZ")
    except ValueError:
        raise _refused("InvalidArgument", "Invalid X-Goog-Date; give 20260131T235959Z.") from None
    _check_time(int(begin.replace(tzinfo=UTC).timestamp()) + lifetime)
    for name in (query.get("X-Goog-SignedHeaders") or "").split(";"):
        if name not in call.headers:
            raise GoogleError.of(
                403,
                "The request signature we calculated does not match the signature you provided: "
                f"the signed header {name!r} was not sent.",
                "SignatureDoesNotMatch",
            )


def _check_v2(call: Call) -> None:
    _require(call.query, _V2_REQUIRED)
    _check_time(call.query.integer("Expires") or 0)


def _require(query: Query, names: tuple[str, ...]) -> None:
    if missing := [name for name in names if not query.get(name)]:
        raise _refused("InvalidArgument", f"The signed URL lacks {', '.join(missing)}.")


def _check_time(end_seconds: int) -> None:
    if time.time() >= end_seconds:
        raise _refused(
            "ExpiredToken",
            f"The provided token has expired {time.time() - end_seconds:.0f} seconds ago; "
            "sign a new URL.",
        )


def _refused(reason: str, message: str) -> GoogleError:
    return GoogleError.of(400, message, reason)
