"""The report of a study that a person can read: one file that needs nothing but itself."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from jinja2 import Template

from wetread.core.fhir.filing import Filing
from wetread.core.fhir.study import StudyFacts
from wetread.core.fhir.subject import SubjectReference
from wetread.core.findings import StudyFindings
from wetread.documents.content import report_content
from wetread.documents.environment import environment
from wetread.documents.figures import Figure


def study_document(
    findings: StudyFindings,
    facts: StudyFacts,
    subject: SubjectReference,
    filing: Filing,
    figures: Sequence[Figure] = (),
    *,
    anomaly_threshold: float | None = None,
) -> bytes:
    """Return the report as an HTML file in UTF-8: a pure function of its arguments.

    The file loads nothing and runs nothing, and its own policy forbids both (W3C, "Content Security
    Policy Level 3"): a description may hold anything, and the file may be opened anywhere.

    Parameters
    ----------
    filing : where the report is filed: its edition, its predecessor, signed reports beside it
    figures : what ``gcp.report_figures.ReportFigures`` made, in its order
    anomaly_threshold : the score that made an object an anomaly candidate, in (0, 1]
    """
    content = report_content(
        findings, facts, subject, filing, figures, anomaly_threshold=anomaly_threshold
    )
    return _template().render(content=content).encode("utf-8")


@cache
def _template() -> Template:
    return environment("wetread.documents", "study.css").get_template("study.html")
