"""Analyse one series: fetch, render, ask Vision AI, and write down what it said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby

from pydicom.dataset import Dataset

from wetread.core.annotations import (
    IMAGES_PER_REQUEST,
    ImageAnnotation,
    best_labels,
    candidates,
    fill_requests,
)
from wetread.core.findings import (
    AnalysisFindings,
    AnalysisSource,
    ImageReference,
    InstanceOutcome,
)
from wetread.core.pixels.encoding import encode_png
from wetread.core.pixels.errors import PixelError
from wetread.core.pixels.reading import read_instance
from wetread.core.pixels.rendering import render_frame
from wetread.core.pixels.sampling import select_frames
from wetread.core.plan import PlanRow
from wetread.core.settings import Settings
from wetread.gcp.dicomweb import SOP_INSTANCE_UID, DicomWebClient, values
from wetread.gcp.vision import VisionClient

VISION_MODEL = ("google-cloud-vision", "v1")
"""Name and version of the model that candidates come from."""


@dataclass(frozen=True)
class _Image:
    """A frame as Vision AI will see it, or the reason why it will not."""

    frame: ImageReference
    png: bytes = b""
    reason: str | None = None


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
        sampled = select_frames(
            [item for item in metadata if wanted.intersection(values(item, SOP_INSTANCE_UID))],
            sampled_frames_per_series=self.settings.sampled_frames_per_series,
        )
        annotated: list[tuple[ImageReference, ImageAnnotation]] = []
        reasons = dict.fromkeys(row.sop_instance_uids, "not-sampled")
        for images in self._images(study_instance_uid, sampled):
            readable = [image for image in images if image.reason is None]
            for image in images:
                if image.reason:
                    reasons[image.frame.sop_instance_uid] = image.reason
            for image, annotation in zip(readable, self._annotate(readable), strict=True):
                refused = "vision-refused" if annotation.error else "analysed"
                reasons[image.frame.sop_instance_uid] = refused
                annotated.append((image.frame, annotation))
        return self._findings(row, annotated, reasons, created_at)

    def _images(
        self, study_instance_uid: str, sampled: Sequence[ImageReference]
    ) -> Iterator[list[_Image]]:
        """Yield the sampled frames in order, a request's worth at a time, so memory is bounded."""

        def render(frames: list[ImageReference]) -> list[_Image]:
            return self._render(study_instance_uid, frames)

        by_instance = [
            list(group) for _, group in groupby(sampled, key=lambda f: f.sop_instance_uid)
        ]
        with ThreadPoolExecutor(self.settings.download_concurrency) as pool:
            for start in range(0, len(by_instance), IMAGES_PER_REQUEST):
                chunk = by_instance[start : start + IMAGES_PER_REQUEST]
                yield [image for images in pool.map(render, chunk) for image in images]

    def _render(self, study_instance_uid: str, frames: list[ImageReference]) -> list[_Image]:
        blob = self.dicomweb.retrieve_instance(
            study_instance_uid,
            frames[0].series_instance_uid,
            frames[0].sop_instance_uid,
            self.subject,
        )
        try:
            dataset = read_instance(blob)
        except PixelError as error:
            return [_Image(frame, reason=error.reason) for frame in frames]
        return [self._render_frame(dataset, frame) for frame in frames]

    def _render_frame(self, dataset: Dataset, frame: ImageReference) -> _Image:
        limit_bytes = self.settings.frame_limit_bytes
        try:
            rendered = render_frame(dataset, frame.frame_number, limit_bytes=limit_bytes)
        except PixelError as error:
            return _Image(frame, reason=error.reason)
        return _Image(frame, encode_png(rendered.pixels))

    def _annotate(self, images: Sequence[_Image]) -> list[ImageAnnotation]:
        def annotate(indices: list[int]) -> list[ImageAnnotation]:
            return self.vision.annotate(
                [images[index].png for index in indices],
                self.subject,
                detect_text=self.settings.detect_text,
            )

        requests = fill_requests(len(image.png) for image in images)
        with ThreadPoolExecutor(self.settings.vision_concurrency) as pool:
            return [annotation for answer in pool.map(annotate, requests) for annotation in answer]

    def _findings(
        self,
        row: PlanRow,
        annotated: Sequence[tuple[ImageReference, ImageAnnotation]],
        reasons: dict[str, str],
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
        )
