"""Key images for a readable report: which there are, in which order, and their pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from wetread.core.dicom.key_image import best_image
from wetread.core.findings import AnalysisFindings, Candidate, Finding, StudyFindings

FIGURES_SHOWN: Final = 4
"""More would not fit on a printed page; the others are in the study itself."""


@dataclass(frozen=True)
class MarkedImage:
    """The best frame of one analysis and what is marked on it; the first says which frame."""

    marked: tuple[Finding | Candidate, ...]
    analysis: AnalysisFindings


@dataclass(frozen=True)
class Figure:
    """A marked image and its picture as a JPEG file, or nothing when it cannot be made."""

    image: MarkedImage
    jpeg: bytes | None


def ranked_images(findings: StudyFindings) -> tuple[MarkedImage, ...]:
    """Return the images worth a figure: those with findings first, then the highest scores."""
    images = (MarkedImage(tuple(best_image(a)), a) for a in findings.analyses)
    return tuple(
        sorted(
            (image for image in images if image.marked),
            key=lambda image: (
                not image.analysis.findings,
                -max(seen.score for seen in image.marked),
                image.analysis.name,
            ),
        )
    )
