"""Pictures for the readable report, made from the study's own images."""

from __future__ import annotations

from wetread.core.findings import StudyFindings
from wetread.core.pixels.modalities.contract import Options
from wetread.documents.figures import FIGURES_SHOWN, Figure, ranked_images
from wetread.gcp.dicomweb import DicomWebClient


def report_figures(
    findings: StudyFindings, dicomweb: DicomWebClient, options: Options, subject: str
) -> tuple[Figure, ...]:
    """Return the figures of a study's report, the first of the ranked images.

    Raises
    ------
    RetriableError
        The store did not answer.
    """
    return tuple(Figure(image, None) for image in ranked_images(findings)[:FIGURES_SHOWN])
