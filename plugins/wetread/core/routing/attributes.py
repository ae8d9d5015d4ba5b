"""What routing may ask of a series besides modality and body part: ``attributes.toml``.

The values go into the manifest. They are bounded in length and form, so that no text that somebody
typed comes with them.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

VALUES_LIMIT = 8
"""Values kept of one attribute; one with more of them is missing."""

_CODE = re.compile(r"[A-Z0-9_.+/-](?:[A-Z0-9 _.+/-]{0,14}[A-Z0-9_.+/-])?")
"""A DICOM code string (VR CS, PS3.5 table 6.2-1), and what kernels are called besides."""
_UID = re.compile(r"[0-9.]{1,64}")


class Form(StrEnum):
    """How the values of an attribute are written."""

    CODE = "code"
    NUMBER = "number"
    UID = "uid"
    PRESENCE = "presence"


@dataclass(frozen=True)
class RoutingAttribute:
    """One row of ``attributes.toml``."""

    keyword: str
    form: Form
    meaning: str


@cache
def routing_attributes() -> Mapping[str, RoutingAttribute]:
    """Return every attribute by its DICOM keyword, in the order of the table."""
    text = files("wetread.core.routing").joinpath("attributes.toml").read_text("utf-8")
    return MappingProxyType(
        {
            keyword: RoutingAttribute(keyword, Form(row["form"]), row["meaning"])
            for keyword, row in tomllib.loads(text).items()
        }
    )


def code_value(value: Any) -> str:
    """Return a code string in upper case, or an empty text if it does not have that form."""
    text = str(value).strip().upper()
    return text if _CODE.fullmatch(text) else ""


def kept_values(keyword: str, values: Sequence[Any]) -> tuple[str, ...]:
    """Return the values of an attribute as routing compares them; none where one is unfit."""
    if not 0 < len(values) <= VALUES_LIMIT:
        return ()
    write = _WRITERS[routing_attributes()[keyword].form]
    written = tuple("" if value is None else write(value) for value in values)
    return written if all(written) else ()


def _number(value: Any) -> str:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return ""
    # A file writes numbers as text and the DICOM store as JSON: one value must have one form.
    return f"{number:.6g}" if math.isfinite(number) else ""


def _uid(value: Any) -> str:
    return str(value) if _UID.fullmatch(str(value)) else ""


def _presence(value: Any) -> str:
    return "YES" if str(value).strip() else ""


_WRITERS: Mapping[Form, Callable[[Any], str]] = MappingProxyType(
    {Form.CODE: code_value, Form.NUMBER: _number, Form.UID: _uid, Form.PRESENCE: _presence}
)
