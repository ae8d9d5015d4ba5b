"""Vision AI as an analysis: candidates and labels of pictures, and never a finding."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from wetread.core.annotations import ImageAnnotation, best_labels, candidates, fill_requests
from wetread.core.findings import AnalysisFindings, AnalysisSource, ImageReference
from wetread.core.routing.analysis import Analysis
from wetread.core.settings import Settings
from wetread.gcp.concurrency import ahead
from wetread.gcp.picture_notes import PictureNotes
from wetread.gcp.row_images import RowImages
from wetread.gcp.series_images import Picture
from wetread.gcp.vision import VisionClient

VISION_MODEL = ("google-cloud-vision", "v1")
"""Name and version of the model that candidates come from."""


@dataclass(frozen=True)
class VisionAnalysis:
    """Annotates the pictures of one plan row.

    Parameters
    ----------
    settings_digest : of what determines the findings besides the images
    """

    vision: VisionClient
    analysis: Analysis
    settings: Settings
    settings_digest: str
    subject: str

    def of_pictures(
        self,
        images: RowImages,
        sampled: Sequence[ImageReference],
        notes: PictureNotes,
        pictures: Iterable[Picture],
        created_at: str,
    ) -> AnalysisFindings:
        """Return the findings of the ``sampled`` frames, whose pictures arrive in any order.

        Raises
        ------
        RetriableError
            Vision AI was at fault; an image that it refuses is an outcome, not an error.
        """
        annotations = dict(self._annotate(pictures))
        for frame, annotation in annotations.items():
            reason = "vision-refused" if annotation.error else "analysed"
            notes.looked_at(frame.sop_instance_uid, reason)
        # Pictures arrive in any order; findings are written in the order of the geometry.
        annotated = [(frame, annotations[frame]) for frame in sampled if frame in annotations]
        return AnalysisFindings(
            row_id=images.row.row_id,
            analysis_id=self.analysis.id,
            series_instance_uid=images.row.series_instance_uid,
            modality=images.row.modality,
            source=AnalysisSource(*VISION_MODEL, settings_digest=self.settings_digest),
            created_at=created_at,
            candidates=tuple(
                candidate
                for frame, annotation in annotated
                for candidate in candidates(annotation, frame, self.settings.anomaly_threshold)
            ),
            labels=best_labels([annotation for _, annotation in annotated]),
            outcomes=images.outcomes(notes.reasons),
            images=sum(annotation.error is None for _, annotation in annotated),
            vision_units=len(annotated) * self.settings.vision_features,
            **notes.as_findings(),
        )

    def _annotate(
        self, pictures: Iterable[Picture]
    ) -> Iterator[tuple[ImageReference, ImageAnnotation]]:
        """Ask for a request's worth of pictures at a time, while the next ones are rendered."""

        def annotate(request: Sequence[Picture]) -> list[tuple[ImageReference, ImageAnnotation]]:
            answers = self.vision.annotate(
                [picture.png for picture in request],
                self.subject,
                detect_text=self.settings.detect_text,
            )
            return [
                (picture.frame, answer) for picture, answer in zip(request, answers, strict=True)
            ]

        requests = fill_requests(pictures, lambda picture: len(picture.png))
        for answers in ahead(self.settings.vision_concurrency, annotate, requests):
            yield from answers
