"""A request's JSON as its message means it.

In proto3 JSON a field that is null is one that is not set, and null is no element of a list.
Source: https://protobuf.dev/programming-guides/json/
"""

from __future__ import annotations

from typing import Any

from localcloud.errors import invalid_argument
from localcloud.http.call import Call

_INT32 = 1 << 31


def message_of(call: Call) -> dict[str, Any]:
    """Return a call's JSON object without the fields that are null.

    Raises
    ------
    GoogleError
        400 when it is not an object, or a list in it holds null.
    """
    body = call.json()
    if not isinstance(body, dict):
        raise invalid_argument("Invalid JSON payload received. The body must be an object.")
    try:
        message: dict[str, Any] = _without_nulls(body)
    except RecursionError:
        raise invalid_argument("Invalid JSON payload received. It is nested too deep.") from None
    return message


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        if any(item is None for item in value):
            raise invalid_argument("Invalid JSON payload received. A list holds null.")
        return [_without_nulls(item) for item in value]
    return value


def whole(value: object, field: str) -> int:
    """Read a whole number, which proto3 JSON writes as 2, 2.0 or "2"; what is absent is 0.

    Raises
    ------
    GoogleError
        400, naming the field, for any other number.
    """
    try:
        number = float(str(value or 0))
        if number.is_integer() and abs(number) < _INT32:
            return int(number)
    except ValueError:
        pass
    raise invalid_argument(f"Invalid value at {field!r}: {value!r} is not a whole number.")
