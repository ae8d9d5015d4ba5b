"""JSON Patch, the only patch format of the Healthcare API.

Source: RFC 6902 (https://www.rfc-editor.org/rfc/rfc6902) and RFC 6901 for the pointers
"""

from __future__ import annotations

import copy
import re
from typing import Any

from localcloud.healthcare.fhir.outcomes import FhirError

_INDEX = re.compile(r"0|[1-9]\d*")
_OPERATIONS = frozenset({"add", "remove", "replace", "move", "copy", "test"})


def apply_patch(document: Any, patch: object) -> Any:
    """Return the patched copy of a document.

    Raises
    ------
    FhirError
        400 when the patch is malformed or a path does not exist; 422 when a ``test`` fails.
    """
    if not isinstance(patch, list):
        raise _malformed("want a JSON array of operations")
    result = copy.deepcopy(document)
    for index, operation in enumerate(patch):
        try:
            result = _apply(result, operation)
        except (LookupError, TypeError) as error:
            raise _malformed(f"operation {index}: {error}") from error
        except RecursionError as error:
            raise _malformed(f"operation {index}: nested too deeply") from error
    return result


def _malformed(reason: str) -> FhirError:
    return FhirError(400, "invalid", "invalid_patch", f"invalid JSON Patch: {reason}")


def _apply(document: Any, operation: object) -> Any:
    if not isinstance(operation, dict) or operation.get("op") not in _OPERATIONS:
        raise LookupError(f"op must be one of {', '.join(sorted(_OPERATIONS))}")
    name, path = operation["op"], _pointer(operation.get("path"))
    if name in {"add", "replace", "test"} and "value" not in operation:
        raise LookupError("value is missing")
    if name == "test":
        if _strict(_get(document, path)) != _strict(operation["value"]):
            raise FhirError(422, "processing", "patch_test_failed", "a test of the patch failed")
        return document
    if name in {"add", "replace"}:
        return _put(document, path, operation["value"], replace=name == "replace")
    if name == "remove":
        return _remove(document, path)
    source = _pointer(operation.get("from"))
    value = copy.deepcopy(_get(document, source))
    if name == "move":
        if path[: len(source)] == source and path != source:
            raise LookupError("a value cannot be moved into itself")
        document = _remove(document, source)
    return _put(document, path, value, replace=False)


def _strict(value: Any) -> Any:
    # In JSON true is not 1, in Python it is.
    if isinstance(value, dict):
        return {key: _strict(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_strict(item) for item in value]
    return ("boolean", value) if isinstance(value, bool) else value


def _pointer(text: object) -> list[str]:
    if not isinstance(text, str) or (text and not text.startswith("/")):
        raise LookupError("a path must be a JSON Pointer such as /status")
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def _position(parent: Any, key: str, *, end: bool = False) -> Any:
    if isinstance(parent, dict):
        return key
    if not isinstance(parent, list):
        raise LookupError("a path leads through a value that has no members")
    if key == "-" and end:
        return len(parent)
    if not _INDEX.fullmatch(key) or int(key) >= len(parent) + end:
        raise LookupError("an array index is out of range")
    return int(key)


def _get(document: Any, path: list[str]) -> Any:
    for key in path:
        position = _position(document, key)
        if isinstance(document, dict) and position not in document:
            raise LookupError("a path does not exist")
        document = document[position]
    return document


def _put(document: Any, path: list[str], value: Any, *, replace: bool) -> Any:
    if not path:
        return value
    parent, key = _get(document, path[:-1]), path[-1]
    if replace:
        _get(parent, [key])
        parent[_position(parent, key)] = value
    elif isinstance(parent, list):
        parent.insert(_position(parent, key, end=True), value)
    else:
        parent[_position(parent, key)] = value
    return document


def _remove(document: Any, path: list[str]) -> Any:
    if not path:
        raise LookupError("the whole resource cannot be removed by a patch")
    _get(document, path)
    parent = _get(document, path[:-1])
    del parent[_position(parent, path[-1])]
    return document
