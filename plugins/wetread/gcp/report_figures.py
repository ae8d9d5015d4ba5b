"""Pictures for the readable report, made from the study's own images."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Final

from wetread.core.errors import PermanentError
from wetread.documents.figures import FIGURES_SHOWN, Figure, MarkedImage, ranked_images

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from wetread.core.fhir.study import StudyFacts
    from wetread.core.findings import StudyFindings
    from wetread.core.settings import Settings
    from wetread.gcp.dicomweb import DicomWebClient

LONGEST_SIDE_PIXELS: Final = 900
"""Of a picture: what a printed page shows of it, and small enough for four in one document."""
LARGEST_PICTURE_BYTES: Final = 160_000
_QUALITIES: Final = (85, 70, 50, 30)
"""Of JPEG, tried in their order until the picture is small enough."""


@dataclass(frozen=True)
class ReportFigures:
    """Makes the figures of one study's report; ``subject`` names the study by its key."""

    dicomweb: DicomWebClient
    facts: StudyFacts
    settings: Settings
    subject: str

    def make(self, findings: StudyFindings) -> tuple[Figure, ...]:
        """Return a figure for each of the first ranked images.

        A picture that cannot be made now cannot be made by a retry either: the report says so in
        its place and is written nevertheless.

        Raises
        ------
        RetriableError
            The store did not answer.
        """
        return tuple(
            Figure(image, self._jpeg(findings.study_instance_uid, image))
            for image in ranked_images(findings)[:FIGURES_SHOWN]
        )

    def _jpeg(self, study_instance_uid: str, image: MarkedImage) -> bytes | None:
        try:
            return reduced_jpeg(self._drawn(study_instance_uid, image))
        except PermanentError:
            return None

    def _drawn(self, study_instance_uid: str, image: MarkedImage) -> npt.NDArray[np.uint8]:
        from wetread.core.dicom.drawing import draw_key_image
        from wetread.core.dicom.geometry import pixel_aspect
        from wetread.core.pixels.modalities.contract import options_of
        from wetread.gcp.instance_headers import InstanceHeaders
        from wetread.gcp.key_frame import KeyFrame

        frame, subject = image.marked[0].image, f"figure of {self.subject} {image.analysis.name}"
        held = {series.series_instance_uid: len(series.instances) for series in self.facts.series}
        headers = InstanceHeaders(
            self.dicomweb, study_instance_uid, held, self.settings.download_concurrency, subject
        )
        header = headers.read([frame])[frame.sop_instance_uid]
        options = options_of(self.settings)
        source = KeyFrame(self.dicomweb, study_instance_uid, frame, options, subject)
        return draw_key_image(
            source.pixels(int(header.get("NumberOfFrames") or 1)),
            image.marked,
            image.caption,
            pixel_aspect=pixel_aspect(header, frame.frame_number),
        )


def reduced_jpeg(pixels: npt.NDArray[np.uint8]) -> bytes:
    """Return a picture of shape (rows, columns, 3) as a small JPEG file, without any metadata."""
    from PIL import Image

    picture = Image.fromarray(pixels)
    picture.thumbnail((LONGEST_SIDE_PIXELS, LONGEST_SIDE_PIXELS), Image.Resampling.LANCZOS)
    for quality in _QUALITIES:
        stream = BytesIO()
        picture.save(stream, "JPEG", quality=quality, optimize=True)
        if stream.tell() <= LARGEST_PICTURE_BYTES:
            break
    return stream.getvalue()
