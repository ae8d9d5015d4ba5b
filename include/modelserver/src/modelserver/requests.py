"""What a predict request must look like (custom container contract), checked before any work.

Source: https://cloud.google.com/vertex-ai/docs/predictions/custom-container-requirements
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

from modelserver.errors import RequestError
from modelserver.references.reader import Instance

_INPUTS = ("input_bytes", "dicomweb_uri", "gcs_uri")
_FIELDS = frozenset({*_INPUTS, "bearer_token", "instance_uids"})
_TEXTS = (*_INPUTS, "bearer_token")


def parse_request(body: bytes) -> tuple[Instance, ...]:
    """Return a request's instances, in order.

    Raises
    ------
    RequestError
        400, with the number of the instance and what is wrong with it; never with its content.
    """
    try:
        document = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise RequestError(400, "The body is not JSON.") from None
    instances = document.get("instances") if isinstance(document, dict) else None
    if not isinstance(instances, list) or not instances:
        raise RequestError(400, 'Give {"instances": [...]} with at least one instance.')
    return tuple(_instance(item, number) for number, item in enumerate(instances))


def _instance(item: Any, number: int) -> Instance:
    where = f"instances[{number}]"
    if not isinstance(item, dict):
        raise RequestError(400, f"{where} is not an object.")
    if not item.keys() <= _FIELDS:
        known = ", ".join(sorted(_FIELDS))
        raise RequestError(400, f"{where} has a field that is none of {known}.")
    if sum(name in item for name in _INPUTS) != 1:
        raise RequestError(400, f"{where} needs exactly one of {', '.join(_INPUTS)}.")
    if wrong := [name for name in _TEXTS if name in item and not _is_text(item[name])]:
        raise RequestError(400, f"{where}.{wrong[0]} must be a string that is not empty.")
    if "bearer_token" in item and ("input_bytes" in item or not _is_token(item["bearer_token"])):
        raise RequestError(400, f"{where}.bearer_token must be a token that goes with a reference.")
    return Instance(
        **{name: item.get(name) for name in _TEXTS}, instance_uids=_instance_uids(item, where)
    )


def _instance_uids(item: dict[str, Any], where: str) -> frozenset[str] | None:
    if "instance_uids" not in item:
        return None
    uids = item["instance_uids"]
    if "dicomweb_uri" not in item or not (isinstance(uids, list) and uids):
        raise RequestError(400, f"{where}.instance_uids must be a list that goes with a series.")
    if not all(map(_is_text, uids)):
        raise RequestError(400, f"{where}.instance_uids must hold UIDs.")
    return frozenset(uids)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _is_token(text: str) -> bool:
    """Nothing that could end the header it goes into (RFC 6750 section 2.1)."""
    return text.isascii() and text.isprintable() and " " not in text


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)
