"""Key images for a readable report: which there are, in which order, and their pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from wetread.core.dicom.names import best_image, key_frame
from wetread.core.fhir.elements import counted
from wetread.core.findings import AnalysisFindings, Candidate, Finding, StudyFindings
from wetread.documents.words import in_utc, model_name

FIGURES_SHOWN: Final = 4
"""More would not fit on a printed page; the others are in the study itself."""


@dataclass(frozen=True)
class MarkedImage:
    """The best frame of one analysis and what is marked on it; the first says which frame."""

    marked: tuple[Finding | Candidate, ...]
    analysis: AnalysisFindings

    @property
    def title(self) -> str:
        """What is marked, in words."""
        names = sorted({seen.sized_label for seen in self.marked if isinstance(seen, Finding)})
        if candidates := sum(isinstance(seen, Candidate) for seen in self.marked):
            names.append(counted(candidates, "anomaly candidate"))
        return ", ".join(names)

    @property
    def caption(self) -> str:
        """Who marked it and when, and what it must not be used for."""
        time = in_utc(self.analysis.created_at)
        return f"{model_name(self.analysis.source)}, {time}. Preliminary, not for clinical use."


@dataclass(frozen=True)
class Figure:
    """A marked image and its picture as a JPEG file, or nothing when it cannot be made."""

    image: MarkedImage
    jpeg: bytes | None


def ranked_images(findings: StudyFindings) -> tuple[MarkedImage, ...]:
    """Return the images worth a figure: those with findings first, then the highest scores."""
    images = [MarkedImage(tuple(best_image(a)), a) for a in findings.analyses if key_frame(a)]
    return tuple(
        sorted(
            images,
            key=lambda image: (
                not image.analysis.findings,
                -max(seen.score for seen in image.marked),
                image.analysis.name,
            ),
        )
    )
