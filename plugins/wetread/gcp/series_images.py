"""The chosen frames of a series as pictures, rendered while the next files arrive."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydicom.dataset import Dataset

from wetread.core.dicom.geometry import pixel_aspect
from wetread.core.findings import ImageReference
from wetread.core.pixels.burned_in.gate import WITHHELD_REASONS, TextGate
from wetread.core.pixels.decoding import TRANSFER_SYNTAX_UNSUPPORTED
from wetread.core.pixels.encoding import encode_png
from wetread.core.pixels.errors import PixelError
from wetread.core.pixels.geometry import number_of_frames
from wetread.core.pixels.metadata import Metadata, text
from wetread.core.pixels.modalities import Options, prepare_frame
from wetread.core.pixels.reading import read_instance
from wetread.core.pixels.squares import PIXELS_SQUARED, with_square_pixels
from wetread.gcp.concurrency import ahead
from wetread.gcp.dicomweb import DicomWebClient
from wetread.gcp.stored_frames import decoded_by_store, frames_alone

_STREAMED_SHARE = 0.5
"""From this share of a series on, one request for all of it moves less than one per instance."""

_FEW_SHARE = 0.5
"""Below this share of an instance's frames, asking for them one by one moves less."""

_FRAMES_PER_REQUEST = 16
"""What a worker holds at a time, so that memory does not grow with the frames that are sampled."""

_Frames = Sequence[ImageReference]


@dataclass(frozen=True)
class Picture:
    """A frame as Vision AI will see it, or the reason in ``outcomes.toml`` why it will not."""

    frame: ImageReference
    png: bytes = b""
    reason: str | None = None
    remarks: tuple[str, ...] = ()
    masked_regions: int = 0


@dataclass(frozen=True)
class SeriesImages:
    """Fetches and renders; ``subject`` names the study by its key in errors.

    Parameters
    ----------
    download_concurrency : instances fetched at a time, where they are fetched one by one
    options : how pictures are made
    gate : what every picture passes before it may leave
    """

    dicomweb: DicomWebClient
    download_concurrency: int
    options: Options
    gate: TextGate
    subject: str

    def pictures(
        self,
        study_instance_uid: str,
        frames: Sequence[ImageReference],
        series_metadata: Sequence[Metadata],
    ) -> Iterator[list[Picture]]:
        """Yield the pictures of one instance after the other, in the order of their arrival.

        Parameters
        ----------
        frames : of one series
        series_metadata : of all instances that the store holds of the series
        """
        wanted: dict[str, list[ImageReference]] = defaultdict(list)
        for frame in frames:
            wanted[frame.sop_instance_uid].append(frame)
        metadata = {text(instance, "SOPInstanceUID"): instance for instance in series_metadata}
        held = {uid: number_of_frames(instance) for uid, instance in metadata.items()}
        few = {uid: wanted.pop(uid) for uid in list(wanted) if _is_few(wanted[uid], held[uid])}
        whole = sum(held[uid] for uid in wanted)
        if len(wanted) > 1 and whole >= _STREAMED_SHARE * sum(held.values()):
            series_instance_uid = frames[0].series_instance_uid
            for pictures in self._streamed(study_instance_uid, series_instance_uid, dict(wanted)):
                if pictures and wanted.pop(pictures[0].frame.sop_instance_uid, []):
                    yield pictures
        yield from self._fetched(study_instance_uid, tuple(wanted.values()))
        yield from self._fetched_by_frames(study_instance_uid, few, metadata)

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
            return self._of_whole_instance(study_instance_uid, frames)

        yield from ahead(self.download_concurrency, fetch, wanted)

    def _of_whole_instance(self, study_instance_uid: str, frames: _Frames) -> list[Picture]:
        uid, series_uid = frames[0].sop_instance_uid, frames[0].series_instance_uid
        blob = self.dicomweb.retrieve_instance(study_instance_uid, series_uid, uid, self.subject)
        try:
            return self._render(study_instance_uid, read_instance(blob), frames)
        except PixelError as error:
            return [Picture(frame, reason=error.reason) for frame in frames]

    def _fetched_by_frames(
        self,
        study_instance_uid: str,
        wanted: Mapping[str, _Frames],
        metadata: Mapping[str, Metadata],
    ) -> Iterator[list[Picture]]:
        def fetch(frames: _Frames) -> list[Picture]:
            instance = metadata[frames[0].sop_instance_uid]
            pictures = self._of_frames(study_instance_uid, frames, instance)
            return pictures or self._of_whole_instance(study_instance_uid, frames)

        batches = (
            frames[start : start + _FRAMES_PER_REQUEST]
            for frames in wanted.values()
            for start in range(0, len(frames), _FRAMES_PER_REQUEST)
        )
        yield from ahead(self.download_concurrency, fetch, batches)

    def _of_frames(
        self, study_instance_uid: str, frames: _Frames, metadata: Metadata
    ) -> list[Picture]:
        """Return pictures of frames fetched one by one; none where the whole instance is needed."""
        dataset = frames_alone(self.dicomweb, study_instance_uid, frames, metadata, self.subject)
        if dataset is None:
            return []
        pictures = [
            self._picture(dataset, frame, place) for place, frame in enumerate(frames, start=1)
        ]
        # What the gate keeps would be kept of the whole instance, too.
        fine = {None, *WITHHELD_REASONS}
        return pictures if all(picture.reason in fine for picture in pictures) else []

    def _render(self, study_instance_uid: str, dataset: Dataset, frames: _Frames) -> list[Picture]:
        pictures = [self._picture(dataset, frame) for frame in frames]
        if all(picture.reason != TRANSFER_SYNTAX_UNSUPPORTED for picture in pictures):
            return pictures
        decoded = decoded_by_store(
            self.dicomweb, study_instance_uid, dataset, frames[0], self.subject
        )
        return [self._picture(decoded, frame) for frame in frames] if decoded else pictures

    def _picture(
        self, dataset: Dataset, frame: ImageReference, place: int | None = None
    ) -> Picture:
        """Make the picture of the frame that is number ``place`` of a data set; its own if None."""
        number = place or frame.frame_number
        try:
            rendered = prepare_frame(dataset, number, self.options)
            square = with_square_pixels(rendered.pixels, pixel_aspect(dataset, number))
            admitted = self.gate.admit(dataset, square)
        except PixelError as error:
            return Picture(frame, reason=error.reason)
        is_square = square.shape == rendered.pixels.shape
        remarks = rendered.remarks if is_square else (*rendered.remarks, PIXELS_SQUARED)
        return Picture(
            frame,
            encode_png(admitted.pixels),
            remarks=remarks,
            masked_regions=admitted.masked_regions,
        )


def _is_few(frames: _Frames, held: int) -> bool:
    return held > 1 and len(frames) < _FEW_SHARE * held
