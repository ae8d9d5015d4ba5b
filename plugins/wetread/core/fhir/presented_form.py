"""The whole report in other forms: DICOM structured reports, and a document for people."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from typing import Final

from wetread.core.dicom.names import ResultKind, result_names
from wetread.core.fhir.elements import Resource
from wetread.core.fhir.surroundings import Surroundings
from wetread.core.findings import StudyFindings

DOCUMENT_TYPE: Final = "text/html; charset=utf-8"
_NOTICE: Final = "preliminary, not for clinical use"


def structured_reports(findings: StudyFindings, surroundings: Surroundings) -> Iterator[Resource]:
    """Yield an Attachment for the structured report of each analysis, where DICOMweb serves it."""
    uid = findings.study_instance_uid
    for analysis in findings.analyses:
        for name in result_names(uid, analysis):
            if name.kind == ResultKind.STRUCTURED_REPORT:
                source = analysis.source
                yield {
                    "contentType": "application/dicom",
                    "url": surroundings.instance_url(
                        uid, name.series_instance_uid, name.sop_instance_uid
                    ),
                    "title": f"DICOM structured report of {source.name} {source.version},"
                    f" {_NOTICE}",
                    "creation": analysis.created_at,
                }


def document_form(document: bytes, binary_id: str, created_at: str) -> Resource:
    """Return the Attachment of the readable document, which the Binary holds.

    The hash is the SHA-1 that FHIR demands (R4, Attachment.hash); it finds damage, not forgery.
    """
    return {
        "contentType": DOCUMENT_TYPE,
        "url": f"Binary/{binary_id}",
        "size": len(document),
        "hash": _base64(hashlib.sha1(document, usedforsecurity=False).digest()),
        "title": f"AI report for people, {_NOTICE}",
        "creation": created_at,
    }


def document_binary(document: bytes, binary_id: str, report_url: str) -> Resource:
    """Return the Binary of the readable document; who may read the report may read it."""
    return {
        "resourceType": "Binary",
        "id": binary_id,
        "contentType": DOCUMENT_TYPE,
        "securityContext": {"reference": report_url},
        "data": _base64(document),
    }


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
