"""The one criterion a conditional interaction may have: ``identifier=system|value``.

FHIR allows any search; the Healthcare API allows this one, because identifiers are indexed
synchronously and everything else with a delay.
Source: fhir.create, conditionalUpdate, conditionalPatch, conditionalDelete in healthcare.v1
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import parse_qsl

from localcloud.healthcare.fhir.outcomes import invalid_query

_UNESCAPED_BAR = re.compile(r"(?<!\\)\|")
_UNESCAPED_COMMA = re.compile(r"(?<!\\),")
_UNESCAPED_DOLLAR = re.compile(r"(?<!\\)\$")
_ESCAPED = re.compile(r"\\([\\,$|])")


@dataclass(frozen=True)
class IdentifierCriterion:
    """``system`` is None for ``identifier=value`` and empty for ``identifier=|value``."""

    system: str | None
    value: str


def unescape(text: str) -> str:
    """Undo the escapes of a search value (``\\|``, ``\\,``, ``\\$``, ``\\\\``)."""
    return _ESCAPED.sub(r"\1", text)


def split_token(text: str) -> tuple[str | None, str]:
    """Split ``system|code`` at its first bare bar; no bar means any system."""
    parts = _UNESCAPED_BAR.split(text, maxsplit=1)
    if len(parts) == 1:
        return None, unescape(text)
    return unescape(parts[0]), unescape(parts[1])


def split_alternatives(text: str) -> list[str]:
    """Split at bare commas; a comma means *or*."""
    return _UNESCAPED_COMMA.split(text)


def split_parts(text: str) -> list[str]:
    """Split a composite value at bare dollar signs."""
    return _UNESCAPED_DOLLAR.split(text)


def parse_criterion(query: str) -> IdentifierCriterion:
    """Read a query string such as an ``If-None-Exist`` header.

    Raises
    ------
    FhirError
        400 when it is anything but one identifier with a value.
    """
    query = query.rpartition("?")[2]
    return criterion_of(parse_qsl(query, keep_blank_values=True))


def criterion_of(pairs: Iterable[tuple[str, str]]) -> IdentifierCriterion:
    """Read decoded query parameters; see `parse_criterion`."""
    pairs = list(pairs)
    if [name for name, _ in pairs] != ["identifier"]:
        raise invalid_query(
            "conditional interactions search by identifier only: "
            "want identifier=system|value or identifier=value"
        )
    if len(split_alternatives(pairs[0][1])) != 1:
        raise invalid_query("the criterion must name exactly one identifier")
    system, value = split_token(pairs[0][1])
    if not value:
        raise invalid_query("the criterion's identifier has no value")
    return IdentifierCriterion(system, value)
