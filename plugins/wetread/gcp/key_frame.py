"""The picture of the frame that a key image shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydicom import Dataset

from wetread.core.errors import problem
from wetread.core.findings import ImageReference
from wetread.core.pixels.errors import PixelError
from wetread.core.pixels.modalities import Options, prepare_frame
from wetread.core.pixels.reading import read_instance
from wetread.gcp.dicomweb import DicomWebClient
from wetread.gcp.stored_frames import decoded_by_store, frames_alone


@dataclass(frozen=True)
class KeyFrame:
    """One frame of a stored image; ``subject`` names the study and what it is for by their keys."""

    dicomweb: DicomWebClient
    study_instance_uid: str
    image: ImageReference
    options: Options
    subject: str

    def pixels(self, number_of_frames: int) -> npt.NDArray[np.uint8]:
        """Return the picture as it was made for the analysis, at its stored size.

        Shape (rows, columns), or (rows, columns, 3) in RGB. Of a slide or a cine loop one frame is
        moved where the store gives single ones.

        Parameters
        ----------
        number_of_frames : of the whole instance

        Raises
        ------
        PermanentError
            ``result-invalid``: the image gives no picture, though it gave one to the analysis.
        """
        reason = "no-pixel-data"
        for dataset, number in self._sources(number_of_frames):
            try:
                return prepare_frame(dataset, number, self.options).pixels
            except PixelError as error:
                reason = error.reason
        raise problem(
            "result-invalid", f"the key frame of {self.subject} gives no picture: {reason}."
        )

    def _sources(self, number_of_frames: int) -> Iterator[tuple[Dataset, int]]:
        """Yield images with the number of the frame in them, each costlier than the one before."""
        if number_of_frames > 1 and (alone := self._alone()):
            yield alone, 1
        whole = self._whole()
        if whole is None:
            return
        yield whole, self.image.frame_number
        decoded = decoded_by_store(
            self.dicomweb, self.study_instance_uid, whole, self.image, self.subject
        )
        if decoded:
            yield decoded, self.image.frame_number

    def _alone(self) -> Dataset | None:
        uid, series_uid = self.image.sop_instance_uid, self.image.series_instance_uid
        metadata = self.dicomweb.instance_metadata(
            self.study_instance_uid, series_uid, uid, self.subject
        )
        return frames_alone(
            self.dicomweb, self.study_instance_uid, [self.image], metadata or {}, self.subject
        )

    def _whole(self) -> Dataset | None:
        uid, series_uid = self.image.sop_instance_uid, self.image.series_instance_uid
        blob = self.dicomweb.retrieve_instance(
            self.study_instance_uid, series_uid, uid, self.subject
        )
        try:
            return read_instance(blob)
        except PixelError:
            return None
