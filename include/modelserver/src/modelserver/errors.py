"""What can be wrong, by where the caller learns of it.

```
ServerError
├── StartError        the server cannot start: one line on stderr, exit code 2
├── RequestError      the request as a whole: its HTTP status
└── InstanceError     one instance of it: {"error": {"code", "description"}} in its place
```
"""

from __future__ import annotations


class ServerError(Exception):
    """The base of every error of this package."""


class StartError(ServerError):
    """The server cannot start."""


class RequestError(ServerError):
    """The whole request is refused.

    Parameters
    ----------
    status
        400 for what is wrong with it, 413 for one that is too large, 429 while the server is busy.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class InstanceError(ServerError):
    """One instance cannot be analysed; the others can.

    Parameters
    ----------
    code
        A key of :data:`CODES`.
    description
        Why, without identifiers, addresses or tokens: callers log it.
    """

    def __init__(self, code: str, description: str) -> None:
        super().__init__(f"{code}: {description}")
        self.code = code
        self.description = description


CODES = {
    "HOST_NOT_ALLOWED": "the reference points to a host that this server was not told to trust",
    "IMAGE_INVALID": "the bytes are no image, or cannot be decoded",
    "INTERNAL": "the model failed; the log says where",
    "REFERENCE_DENIED": "the store refused the token, or there was none",
    "REFERENCE_INVALID": "the reference is not one that this server reads",
    "REFERENCE_NOT_FOUND": "the store does not hold what the reference names",
    "REFERENCE_TOO_LARGE": "what the reference names is larger than this server takes",
    "REFERENCE_UNAVAILABLE": "the store failed, was too slow or broke off; try again later",
    "UNSUPPORTED_IMAGE": "the image is of a kind that the model does not look at",
    "UNSUPPORTED_INPUT": "the model does not take this form of input",
    "UNSUPPORTED_SERIES": "the series is not one regular volume of the model's modality",
}
"""Every code of an instance's error, and what it means."""
