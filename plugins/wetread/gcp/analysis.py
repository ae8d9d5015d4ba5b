"""Analyse one series: fetch, render, ask Vision AI, and write down what it said."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from wetread.core.annotations import ImageAnnotation, best_labels, candidates, fill_requests
from wetread.core.findings import (
    AnalysisFindings,
    AnalysisSource,
    ImageReference,
    InstanceOutcome,
)
from wetread.core.pixels.modalities.contract import options_of
from wetread.core.pixels.sampling import sampling_of, select_frames
from wetread.core.plan import PlanRow
from wetread.core.settings import Settings
from wetread.gcp.concurrency import ahead
from wetread.gcp.dicomweb import SOP_INSTANCE_UID, DicomWebClient, values
from wetread.gcp.series_images import Picture, SeriesImages
from wetread.gcp.vision import VisionClient

VISION_MODEL = ("google-cloud-vision", "v1")
"""Name and version of the model that candidates come from."""


@dataclass(frozen=True)
class SeriesAnalysis:
    """Analyses the series of one plan row."""

    dicomweb: DicomWebClient
    vision: VisionClient
    settings: Settings
    subject: str

    @property
    def source(self) -> AnalysisSource:
        return AnalysisSource(*VISION_MODEL, settings_digest=self.settings.analysis_digest)

    def run(self, study_instance_uid: str, row: PlanRow, created_at: str) -> AnalysisFindings:
        """Return the findings of a row.

        Raises
        ------
        RetriableError
            A service was at fault; an image that cannot be read is an outcome, not an error.
        """
        metadata = self.dicomweb.series_metadata(
            study_instance_uid, row.series_instance_uid, self.subject
        )
        wanted = set(row.sop_instance_uids)
        sampling = sampling_of(self.settings)
        sampled = select_frames(
            [item for item in metadata if wanted.intersection(values(item, SOP_INSTANCE_UID))],
            sampling,
        )
        pictures = SeriesImages(
            self.dicomweb,
            self.settings.download_concurrency,
            options_of(self.settings),
            self.subject,
        ).pictures(study_instance_uid, sampled, metadata)
        reasons = dict.fromkeys(row.sop_instance_uids, sampling.reason_left_out(row.modality))
        remarks: set[str] = set()
        annotations = dict(self._annotate(_readable(pictures, reasons, remarks)))
        for frame, annotation in annotations.items():
            refused = "vision-refused" if annotation.error else "analysed"
            reasons[frame.sop_instance_uid] = refused
        # Files arrive in any order; findings are written in the order of the geometry.
        annotated = [(frame, annotations[frame]) for frame in sampled if frame in annotations]
        return self._findings(row, annotated, reasons, tuple(sorted(remarks)), created_at)

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

    def _findings(
        self,
        row: PlanRow,
        annotated: Sequence[tuple[ImageReference, ImageAnnotation]],
        reasons: dict[str, str],
        remarks: tuple[str, ...],
        created_at: str,
    ) -> AnalysisFindings:
        threshold = self.settings.anomaly_threshold
        return AnalysisFindings(
            row_id=row.row_id,
            series_instance_uid=row.series_instance_uid,
            modality=row.modality,
            source=self.source,
            created_at=created_at,
            candidates=tuple(
                candidate
                for frame, annotation in annotated
                for candidate in candidates(annotation, frame, threshold)
            ),
            labels=best_labels([annotation for _, annotation in annotated]),
            outcomes=tuple(
                InstanceOutcome(uid, row.series_instance_uid, reason)
                for uid, reason in reasons.items()
            ),
            images=sum(annotation.error is None for _, annotation in annotated),
            vision_units=len(annotated) * self.settings.vision_features,
            remarks=remarks,
        )


def _readable(
    arriving: Iterable[Sequence[Picture]], reasons: dict[str, str], remarks: set[str]
) -> Iterator[Picture]:
    """Yield the pictures that can be looked at, and note how; note the reasons of the others."""
    for picture in chain.from_iterable(arriving):
        if picture.reason is None:
            remarks.update(picture.remarks)
            yield picture
        else:
            reasons[picture.frame.sop_instance_uid] = picture.reason
