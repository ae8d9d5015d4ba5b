"""Small pieces that several resources share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any, Final

Resource = dict[str, Any]
"""A FHIR resource or element as JSON."""

NON_DIAGNOSTIC: Final = "AI candidate - non-diagnostic, not for clinical use"
AI_RESULT: Final = "AI result, preliminary, not for clinical use"
NOT_REVIEWED: Final = "AI finding, preliminary, not for clinical use"


def without_absent(element: Mapping[str, Any]) -> Resource:
    """Drop what is None or empty: FHIR JSON has neither (R4, "JSON representation")."""
    return {name: value for name, value in element.items() if value not in (None, "", [], {}, ())}


def plain_text(text: str) -> str:
    """Return ``text`` without control characters, lone surrogates and surplus white space.

    Neither FHIR strings nor the XHTML of a narrative may hold them (R4, datatypes string, xhtml).
    """
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


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


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """Return a number of things in words, such as ``1 instance`` or ``2 instances``."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"
