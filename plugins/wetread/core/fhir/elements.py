"""Small pieces that several resources share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any, Final

Resource = dict[str, Any]
"""A FHIR resource or element as JSON."""

NON_DIAGNOSTIC: Final = "AI candidate - non-diagnostic, not for clinical use"


def without_absent(element: Mapping[str, Any]) -> Resource:
    """Drop what is None or empty: FHIR JSON has neither (R4, "JSON representation")."""
    return {name: value for name, value in element.items() if value not in (None, "", [], {}, ())}


def narrative(lines: Iterable[str]) -> Resource:
    """Return the lines as the resource's human-readable text (FHIR R4, Narrative; dom-6)."""
    paragraphs = "".join(f"<p>{escape(line, quote=False)}</p>" for line in lines)
    return {
        "status": "generated",
        "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{paragraphs}</div>',
    }


def reference(full_url: str) -> Resource:
    """Return a reference to another entry of the same transaction."""
    return {"reference": full_url}
