"""Fields of an answer, taken out of JSON that nobody has checked.

Every function returns the value it promises or raises :class:`Malformed`, whose text names the
field by this project's own words and by numbers: an answer may quote whatever it was sent.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping
from functools import wraps
from typing import Any, ParamSpec

from wetread.core.predictions.contract import (
    Prediction,
    PredictionError,
    malformed,
    refused,
)

_UID = re.compile(r"[0-9]+(\.[0-9]+)*", re.ASCII)

_Parameters = ParamSpec("_Parameters")


class Malformed(ValueError):
    """A field is not what the contract says; the text names it."""


def as_value(
    read: Callable[_Parameters, Prediction | PredictionError],
) -> Callable[_Parameters, Prediction | PredictionError]:
    """Return a wrong field as an error value; a decorator of an adapter's ``read``."""

    @wraps(read)
    def reading(*args: _Parameters.args, **named: _Parameters.kwargs) -> Any:
        try:
            return read(*args, **named)
        except Malformed as wrong:
            return malformed(str(wrong))

    return reading


def record(
    value: object,
    where: str,
    *,
    required: Collection[str] = (),
    optional: Collection[str] | None = (),
) -> Mapping[str, Any]:
    """Return a JSON object; ``optional`` None allows fields that nobody foresaw."""
    if not isinstance(value, dict):
        raise Malformed(f"{where} must be an object")
    for name in required:
        if name not in value:
            raise Malformed(f"{where} lacks {name}")
    if optional is not None and not value.keys() <= {*required, *optional}:
        raise Malformed(f"{where} has a field that its contract does not know")
    return value


def array(value: object, where: str, *, least: int = 0) -> list[Any]:
    """Return a JSON list of ``least`` items or more."""
    if not isinstance(value, list) or len(value) < least:
        raise Malformed(f"{where} must be a list of {least} items or more")
    return value


def number(value: object, where: str, low: float = -math.inf, high: float = math.inf) -> float:
    """Return a finite number in ``low``..``high``."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Malformed(f"{where} must be a number")
    try:
        found = float(value)
    except OverflowError:
        found = math.inf
    if not math.isfinite(found) or not low <= found <= high:
        raise Malformed(f"{where} must be a finite number in {low:g}..{high:g}")
    return found


def integer(value: object, where: str, low: int, high: int) -> int:
    """Return a whole number in ``low``..``high``; a server may write 3 as 3.0."""
    found = number(value, where, low, high)
    if not found.is_integer():
        raise Malformed(f"{where} must be a whole number")
    return int(found)


def text(value: object, where: str, form: re.Pattern[str] | None = None) -> str:
    """Return a string, of ``form`` from its first to its last character where one is given."""
    if not isinstance(value, str):
        raise Malformed(f"{where} must be a string")
    if form is not None and not form.fullmatch(value):
        raise Malformed(f"{where} must have the form {form.pattern}")
    return value


def uid(value: object, where: str) -> str:
    """Return a DICOM UID (PS3.5 section 9.1)."""
    found = text(value, where, _UID)
    if len(found) > 64:
        raise Malformed(f"{where} must have at most 64 characters")
    return found


def refusal(answer: Mapping[str, Any]) -> PredictionError | None:
    """Return the error that stands in place of an answer, if one does.

    Models put it inside an HTTP 200, and an ``error`` beside results is none of their contracts.
    """
    if "error" not in answer:
        return None
    record(answer, "the answer", required=("error",))
    return refused(record(answer["error"], "error", optional=None).get("code"))
