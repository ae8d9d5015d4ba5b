"""The chosen frames of a series as pictures, rendered while the next files arrive."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydicom.dataset import Dataset

from wetread.core.findings import ImageReference
from wetread.core.pixels.decoding import TRANSFER_SYNTAX_UNSUPPORTED, decoded_size_bytes
from wetread.core.pixels.encoding import encode_png
from wetread.core.pixels.errors import PixelError
from wetread.core.pixels.reading import read_instance
from wetread.core.pixels.rendering import render_frame
from wetread.gcp.concurrency import ahead
from wetread.gcp.dicomweb import DicomWebClient

_STREAMED_SHARE = 0.5
"""From this share of a series on, one request for all of it moves less than one per instance."""

_TRANSCODED_LIMIT_BYTES = 2**28
"""A larger instance is not asked for uncompressed: it comes whole, for a few of its frames."""

_Frames = Sequence[ImageReference]


@dataclass(frozen=True)
class Picture:
    """A frame as Vision AI will see it, or the reason in ``outcomes.toml`` why it will not."""

    frame: ImageReference
    png: bytes = b""
    reason: str | None = None


@dataclass(frozen=True)
class SeriesImages:
    """Fetches and renders; ``subject`` names the study by its key in errors.

    Parameters
    ----------
    download_concurrency : instances fetched at a time, where they are fetched one by one
    frame_limit_bytes : what a decoded frame may occupy
    """

    dicomweb: DicomWebClient
    download_concurrency: int
    frame_limit_bytes: int
    subject: str

    def pictures(
        self, study_instance_uid: str, frames: Sequence[ImageReference], series_size: int
    ) -> Iterator[list[Picture]]:
        """Yield the pictures of one instance after the other, in the order of their arrival.

        Parameters
        ----------
        frames : of one series
        series_size : instances that the store holds of the series
        """
        wanted: dict[str, list[ImageReference]] = defaultdict(list)
        for frame in frames:
            wanted[frame.sop_instance_uid].append(frame)
        if len(wanted) > 1 and len(wanted) >= _STREAMED_SHARE * series_size:
            series_instance_uid = frames[0].series_instance_uid
            for pictures in self._streamed(study_instance_uid, series_instance_uid, dict(wanted)):
                if pictures and wanted.pop(pictures[0].frame.sop_instance_uid, []):
                    yield pictures
        yield from self._fetched(study_instance_uid, tuple(wanted.values()))

    def _streamed(
        self, study_instance_uid: str, series_instance_uid: str, wanted: Mapping[str, _Frames]
    ) -> Iterator[list[Picture]]:
        def render(blob: bytes) -> list[Picture]:
            try:
                dataset = read_instance(blob)
            except PixelError:  # nobody knows whose file it is: it is fetched by its UID
                return []
            frames = wanted.get(str(dataset.get("SOPInstanceUID")), ())
            return self._render(study_instance_uid, dataset, frames)

        blobs = self.dicomweb.stream_series(study_instance_uid, series_instance_uid, self.subject)
        yield from ahead(os.cpu_count() or 1, render, blobs)

    def _fetched(
        self, study_instance_uid: str, wanted: Sequence[_Frames]
    ) -> Iterator[list[Picture]]:
        def fetch(frames: _Frames) -> list[Picture]:
            uid, series_uid = frames[0].sop_instance_uid, frames[0].series_instance_uid
            blob = self.dicomweb.retrieve_instance(
                study_instance_uid, series_uid, uid, self.subject
            )
            try:
                return self._render(study_instance_uid, read_instance(blob), frames)
            except PixelError as error:
                return [Picture(frame, reason=error.reason) for frame in frames]

        yield from ahead(self.download_concurrency, fetch, wanted)

    def _render(
        self, study_instance_uid: str, dataset: Dataset, frames: _Frames
    ) -> list[Picture]:
        pictures = [self._picture(dataset, frame) for frame in frames]
        if all(picture.reason != TRANSFER_SYNTAX_UNSUPPORTED for picture in pictures):
            return pictures
        decoded = self._decoded_by_store(study_instance_uid, dataset, frames[0])
        return [self._picture(decoded, frame) for frame in frames] if decoded else pictures

    def _decoded_by_store(
        self, study_instance_uid: str, dataset: Dataset, frame: ImageReference
    ) -> Dataset | None:
        if decoded_size_bytes(dataset) > _TRANSCODED_LIMIT_BYTES:
            return None
        blob = self.dicomweb.retrieve_transcoded(
            study_instance_uid, frame.series_instance_uid, frame.sop_instance_uid, self.subject
        )
        try:
            return read_instance(blob) if blob else None
        except PixelError:
            return None

    def _picture(self, dataset: Dataset, frame: ImageReference) -> Picture:
        try:
            rendered = render_frame(dataset, frame.frame_number, limit_bytes=self.frame_limit_bytes)
        except PixelError as error:
            return Picture(frame, reason=error.reason)
        return Picture(frame, encode_png(rendered.pixels))
