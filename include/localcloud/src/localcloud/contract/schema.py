"""Checks a JSON value against a discovery document's schema.

Follows proto3 JSON where it is wider than the schema: null anywhere, integers for enum names and
for 64-bit strings. Source: https://protobuf.dev/programming-guides/json/
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from localcloud.errors import invalid_argument

_WHOLE = re.compile(r"-?\d{1,20}")
_WIDE_FORMATS = frozenset({"int64", "uint64", "fixed64"})


def check_value(schemas: Mapping[str, Any], reference: str, value: object) -> None:
    """Check a value against a named schema.

    Raises
    ------
    GoogleError
        400, naming the first offending field.
    """
    _check(schemas, {"$ref": reference}, value, "")


def _check(schemas: Mapping[str, Any], schema: Mapping[str, Any], value: object, at: str) -> None:
    while "$ref" in schema:
        schema = schemas[schema["$ref"]]
    if value is None:
        return
    kind = schema.get("type", "any")
    if kind == "object":
        _check_object(schemas, schema, value, at)
    elif kind == "array":
        if not isinstance(value, list):
            raise _mismatch(at, "an array")
        for index, item in enumerate(value):
            _check(schemas, schema["items"], item, f"{at}[{index}]")
    else:
        _check_scalar(schema, kind, value, at)


def _check_object(
    schemas: Mapping[str, Any], schema: Mapping[str, Any], value: object, at: str
) -> None:
    if not isinstance(value, dict):
        raise _mismatch(at, "an object")
    properties = schema.get("properties", {})
    others = schema.get("additionalProperties")
    for name, item in value.items():
        where = f"{at}.{name}" if at else name
        if name in properties:
            _check(schemas, properties[name], item, where)
        elif others is not None:
            _check(schemas, others, item, where)
        elif item is not None:
            # Null says nothing, and the official Storage client sends it under a name of its own.
            raise invalid_argument(
                f'Invalid JSON payload received. Unknown name "{name}" at "{at or "body"}": '
                "Cannot find field."
            )


def _check_scalar(schema: Mapping[str, Any], kind: str, value: object, at: str) -> None:
    if (wide := schema.get("format")) in _WIDE_FORMATS:
        if not _is_whole(value, 1 << (63 if wide == "int64" else 64)):
            raise _mismatch(at, "a whole number of 64 bits")
    elif kind == "string":
        if not isinstance(value, str) and not ("enum" in schema and _is_number(value)):
            raise _mismatch(at, "a string")
    elif kind == "integer":
        if not _is_whole(value, 1 << 63):
            raise _mismatch(at, "a whole number")
    elif kind == "number":
        # JavaScript-minded clients send numbers as strings; proto3 JSON accepts both.
        if not _is_number(value) and not _is_numeric(value):
            raise _mismatch(at, "a number")
    elif kind == "boolean" and not isinstance(value, bool):
        raise _mismatch(at, "a boolean")


def _is_whole(value: object, end: int) -> bool:
    if isinstance(value, str):
        return _WHOLE.fullmatch(value) is not None and -(1 << 63) <= int(value) < end
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return (isinstance(value, int) or value.is_integer()) and -(1 << 63) <= value < end


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_numeric(value: object) -> bool:
    return isinstance(value, str) and value.lstrip("-").replace(".", "", 1).isdigit()


def _mismatch(at: str, expected: str) -> Exception:
    return invalid_argument(f"Invalid value at '{at or 'body'}': expected {expected}.")
