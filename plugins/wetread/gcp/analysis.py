"""Analyse one series: fetch, render, ask Vision AI, and write down what it said."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain

from wetread.core.annotations import ImageAnnotation, best_labels, candidates, fill_requests
from wetread.core.findings import (
    AnalysisFindings,
    AnalysisSource,
    ImageReference,
    InstanceOutcome,
)
from wetread.core.pixels.burned_in.gate import WITHHELD_REASONS, TextDetector, TextGate
from wetread.core.pixels.burned_in.rules import TextPolicy
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


@dataclass
class _Notes:
    """What is noted while pictures arrive; ``reasons`` is that of each instance so far."""

    reasons: dict[str, str]
    remarks: set[str] = field(default_factory=set)
    masked_images: int = 0
    masked_regions: int = 0
    withheld_images: int = 0

    def take(self, picture: Picture) -> None:
        self.remarks.update(picture.remarks)
        self.masked_images += picture.masked_regions > 0
        self.masked_regions += picture.masked_regions

    def refuse(self, picture: Picture, reason: str) -> None:
        self.reasons[picture.frame.sop_instance_uid] = reason
        self.withheld_images += reason in WITHHELD_REASONS


@dataclass(frozen=True)
class SeriesAnalysis:
    """Analyses the series of one plan row.

    ``text_detector`` returns what finds burned-in text; called only where an image calls for it.
    """

    dicomweb: DicomWebClient
    vision: VisionClient
    text_detector: Callable[[], TextDetector]
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
            TextGate(TextPolicy(self.settings.burned_in_text), self.text_detector),
            self.subject,
        ).pictures(study_instance_uid, sampled, metadata)
        reasons = dict.fromkeys(row.sop_instance_uids, sampling.reason_left_out(row.modality))
        notes = _Notes(reasons)
        annotations = dict(self._annotate(_readable(pictures, notes)))
        for frame, annotation in annotations.items():
            refused = "vision-refused" if annotation.error else "analysed"
            reasons[frame.sop_instance_uid] = refused
        # Files arrive in any order; findings are written in the order of the geometry.
        annotated = [(frame, annotations[frame]) for frame in sampled if frame in annotations]
        return self._findings(row, annotated, notes, created_at)

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
        notes: _Notes,
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
                for uid, reason in notes.reasons.items()
            ),
            images=sum(annotation.error is None for _, annotation in annotated),
            vision_units=len(annotated) * self.settings.vision_features,
            remarks=tuple(sorted(notes.remarks)),
            masked_images=notes.masked_images,
            masked_regions=notes.masked_regions,
            withheld_images=notes.withheld_images,
        )


def _readable(arriving: Iterable[Sequence[Picture]], notes: _Notes) -> Iterator[Picture]:
    """Yield the pictures that can be looked at, and note how; note the reasons of the others."""
    for picture in chain.from_iterable(arriving):
        if picture.reason is None:
            notes.take(picture)
            yield picture
        else:
            notes.refuse(picture, picture.reason)
