"""Partial responses: the ``fields`` parameter, checked against the answer's schema.

Source: https://cloud.google.com/storage/docs/json_api#partial-response
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from localcloud.errors import GoogleError

Mask = Mapping[str, "Mask | None"]
"""Names to keep, each with the mask of what lies below it; None keeps all of it."""

_TOKEN = re.compile(r"\s*([^,/()\s]+|[,/()])")
_MAX_CHARACTERS = 4096
_MAX_DEPTH = 20
_ALL = "*"


def parse(text: str) -> Mask:
    """Read a selection such as ``nextPageToken,items(name,metadata/sender)``.

    Raises
    ------
    GoogleError
        400 when it is malformed.
    """
    tokens = _TOKEN.findall(text)
    if len(text) > _MAX_CHARACTERS or "".join(tokens) != re.sub(r"\s", "", text):
        raise _invalid(text)
    source = iter([*tokens, ""])
    mask, end = _selection(source, text, 0)
    if end:
        raise _invalid(text)
    return mask


def check(mask: Mask, schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> None:
    """Check that each name of a mask is one of the schema.

    Raises
    ------
    GoogleError
        400, naming the first that is not.
    """
    while "$ref" in schema or "items" in schema:
        schema = schemas[schema["$ref"]] if "$ref" in schema else schema["items"]
    properties, others = schema.get("properties", {}), schema.get("additionalProperties")
    for name, below in mask.items():
        if name == _ALL:
            children = [*properties.values(), *([others] if others else [])]
        else:
            children = [properties.get(name, others)]
        if children == [None]:
            raise _invalid(name)
        if below is not None and not any(_fits(below, child, schemas) for child in children):
            raise _invalid(f"{name}/{next(iter(below))}")


def _fits(mask: Mask, schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> bool:
    try:
        check(mask, schema, schemas)
    except GoogleError:
        return False
    return True


def apply(mask: Mask, value: Any) -> Any:
    """Keep what a mask names; an element of a list is masked like the list."""
    if isinstance(value, list):
        return [apply(mask, item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {}
    for name, item in value.items():
        if name in mask or _ALL in mask:
            below = mask[name] if name in mask else mask[_ALL]
            if below is None:
                kept[name] = item
            elif isinstance(item, dict | list):
                kept[name] = apply(below, item)
    return kept


def _selection(tokens: Iterator[str], text: str, depth: int) -> tuple[Mask, str]:
    """Read names up to a closing parenthesis or the end; return the mask and what ended it."""
    mask: dict[str, Mask | None] = {}
    while True:
        name, below, end = _path(tokens, text, depth)
        before = mask.get(name, {})
        mask[name] = None if below is None or before is None else {**before, **below}
        if end != ",":
            return mask, end


def _path(tokens: Iterator[str], text: str, depth: int) -> tuple[str, Mask | None, str]:
    name, end = next(tokens), next(tokens, "")
    if name in ("", ",", "/", "(", ")") or depth > _MAX_DEPTH:
        raise _invalid(text)
    below: Mask | None = None
    if end == "/":
        child, grandchildren, end = _path(tokens, text, depth + 1)
        below = {child: grandchildren}
    elif end == "(":
        below, closing = _selection(tokens, text, depth + 1)
        end = next(tokens, "")
        if closing != ")":
            raise _invalid(text)
    if end not in (",", ")", ""):
        raise _invalid(text)
    return name, below, end


def _invalid(text: str) -> GoogleError:
    return GoogleError.of(400, f"Invalid field selection {text[:100]}", "invalidParameter")
