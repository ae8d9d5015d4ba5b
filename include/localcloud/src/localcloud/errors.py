"""Failures as Google's APIs report them.

One exception carries both spellings of a failure: the HTTP code with a ``google.rpc.Code`` name
(``NOT_FOUND``) and, for Cloud Storage, the older ``reason`` (``notFound``). A service decides how
it looks on the wire.
Source: https://cloud.google.com/apis/design/errors and
https://cloud.google.com/storage/docs/json_api/v1/status-codes
"""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from typing import Any

STATUS_BY_CODE = {
    304: "FAILED_PRECONDITION",
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "INVALID_ARGUMENT",
    408: "DEADLINE_EXCEEDED",
    409: "ALREADY_EXISTS",
    410: "NOT_FOUND",
    412: "FAILED_PRECONDITION",
    413: "INVALID_ARGUMENT",
    416: "OUT_OF_RANGE",
    425: "UNAVAILABLE",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_UNKNOWN = 2
_RPC_CODES = {
    "CANCELLED": 1,
    "INVALID_ARGUMENT": 3,
    "DEADLINE_EXCEEDED": 4,
    "NOT_FOUND": 5,
    "ALREADY_EXISTS": 6,
    "PERMISSION_DENIED": 7,
    "RESOURCE_EXHAUSTED": 8,
    "FAILED_PRECONDITION": 9,
    "ABORTED": 10,
    "UNIMPLEMENTED": 12,
    "INTERNAL": 13,
    "UNAVAILABLE": 14,
}
_REASON_BY_CODE = {
    304: "notModified",
    400: "invalid",
    401: "authError",
    403: "forbidden",
    404: "notFound",
    409: "conflict",
    410: "gone",
    412: "conditionNotMet",
    413: "uploadTooLarge",
    416: "requestedRangeNotSatisfiable",
    429: "rateLimitExceeded",
    500: "internalError",
    501: "notImplemented",
    503: "backendError",
}


class GoogleError(Exception):
    """A failure to be answered in the calling service's own shape.

    Parameters
    ----------
    code
        HTTP status, 304 to 599.
    status
        ``google.rpc.Code`` name such as ``NOT_FOUND``.
    message
        What failed, on which object, and what the caller can do.
    reason
        Cloud Storage's reason; derived from the code when absent.
    details
        ``google.rpc`` detail messages, each with its ``@type``.
    """

    def __init__(
        self,
        code: int,
        status: str,
        message: str,
        reason: str | None = None,
        details: Sequence[dict[str, Any]] = (),
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.message = message
        self.reason = reason or _REASON_BY_CODE.get(code, "backendError")
        self.details = tuple(details)

    @property
    def rpc_code(self) -> int:
        """The number of ``google.rpc.Code``, which the error of an operation carries."""
        return _RPC_CODES.get(self.status, _UNKNOWN)

    @classmethod
    def of(cls, code: int, message: str, reason: str | None = None) -> GoogleError:
        """Build an error whose status is the usual one for its HTTP code."""
        return cls(code, STATUS_BY_CODE.get(code, "UNKNOWN"), message, reason)


def invalid_argument(message: str) -> GoogleError:
    """400: the request itself is wrong and repeating it cannot help."""
    return GoogleError.of(400, message)


def not_found(message: str) -> GoogleError:
    """404: the named object does not exist."""
    return GoogleError.of(404, message)


def already_exists(message: str) -> GoogleError:
    """409: an object of that name exists."""
    return GoogleError.of(409, message)


class StartError(Exception):
    """The local cloud cannot start; the message says what to change."""


def trace_of(error: Exception) -> str:
    """Return an unexpected error for the log: its type and where it arose.

    Not its message, which may quote a request, and with it a patient's data or a secret.
    """
    stack = "".join(traceback.format_tb(error.__traceback__))
    return f"{type(error).__name__}\n{stack}"
