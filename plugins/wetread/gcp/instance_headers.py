"""The headers of stored images, without their pixels, as data sets that objects refer to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from pydicom import Dataset

from wetread.core.errors import problem
from wetread.core.findings import ImageReference
from wetread.core.pixels.decoding import PIXEL_KEYWORDS
from wetread.core.pixels.errors import PixelError
from wetread.core.pixels.metadata import Metadata, text
from wetread.core.pixels.partial import is_cut
from wetread.core.pixels.reading import read_instance
from wetread.gcp.concurrency import ahead
from wetread.gcp.dicomweb import DicomWebClient

_HEADERS_PER_REQUEST = 10
"""A request costs about what moving so many headers does: decides between instance and series."""


@dataclass(frozen=True)
class InstanceHeaders:
    """Reads headers of one study; ``subject`` names it and what they are for by their keys.

    Parameters
    ----------
    held : how many instances the study has in each series
    concurrency : requests at a time, where instances are asked for one by one
    """

    dicomweb: DicomWebClient
    study_instance_uid: str
    held: Mapping[str, int]
    concurrency: int
    subject: str

    def read(self, images: Sequence[ImageReference]) -> dict[str, Dataset]:
        """Return the headers of ``images`` by SOPInstanceUID.

        Raises
        ------
        PermanentError
            ``not-found``: the store does not hold one of them; ``result-invalid``: one cannot be
            read.
        """
        series: dict[str, list[ImageReference]] = defaultdict(list)
        for image in images:
            series[image.series_instance_uid].append(image)
        metadata = {
            text(instance, "SOPInstanceUID"): instance
            for uid, wanted in series.items()
            for instance in self._metadata(uid, wanted)
        }
        if any(image.sop_instance_uid not in metadata for image in images):
            raise problem("not-found", f"the DICOM store does not hold an image of {self.subject}.")
        return {
            image.sop_instance_uid: self._header(image, metadata[image.sop_instance_uid])
            for image in images
        }

    def _metadata(self, series_uid: str, wanted: Sequence[ImageReference]) -> Iterator[Metadata]:
        if len(wanted) * _HEADERS_PER_REQUEST > self.held.get(series_uid, 0):
            yield from self.dicomweb.series_metadata(
                self.study_instance_uid, series_uid, self.subject
            )
            return

        def ask(image: ImageReference) -> Metadata:
            found = self.dicomweb.instance_metadata(
                self.study_instance_uid, series_uid, image.sop_instance_uid, self.subject
            )
            return found or {}

        yield from ahead(self.concurrency, ask, wanted)

    def _header(self, image: ImageReference, metadata: Metadata) -> Dataset:
        return self._whole_header(image) if is_cut(metadata) else data_set(metadata)

    def _whole_header(self, image: ImageReference) -> Dataset:
        blob = self.dicomweb.retrieve_instance(
            self.study_instance_uid,
            image.series_instance_uid,
            image.sop_instance_uid,
            self.subject,
        )
        try:
            header = read_instance(blob)
        except PixelError as error:
            raise problem(
                "result-invalid",
                f"the header of an image of {self.subject} is not readable: {error.reason}.",
            ) from None
        for keyword in PIXEL_KEYWORDS:
            header.pop(keyword, None)
        return header


def data_set(metadata: Metadata) -> Dataset:
    """Return what DICOM JSON says (PS3.18 annex F).

    Left out are values that are to be fetched from elsewhere, such as colour profiles, and those
    that are no values of their type: an unusable one is an absent one.
    """
    header = Dataset()
    for tag, element in metadata.items():
        if "BulkDataURI" not in element:
            with suppress(Exception):  # pydicom raises many kinds on malformed values
                header.update(Dataset.from_json({tag: element}))
    return header
