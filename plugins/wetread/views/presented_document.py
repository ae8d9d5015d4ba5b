"""The document for people that a report presents: where it is, and its bytes."""

from __future__ import annotations

import base64
import binascii

from wetread.core.fhir.elements import Resource
from wetread.core.fhir.presented_form import DOCUMENT_TYPE


def binary_reference(report: Resource) -> str | None:
    """Return the literal reference to the Binary that holds the document, if there is one."""
    for form in report.get("presentedForm", []):
        reference = str(form.get("url") or "")
        if form.get("contentType") == DOCUMENT_TYPE and reference.startswith("Binary/"):
            return reference
    return None


def document_of(binary: Resource) -> bytes | None:
    """Return the document in a Binary, or nothing when it holds none."""
    if binary.get("contentType") != DOCUMENT_TYPE:
        return None
    try:
        return base64.b64decode(binary.get("data", ""), validate=True) or None
    except binascii.Error:
        return None
