"""How large an image's frames are by its header, and what is too large to decode.

A header of a hundred bytes can describe a terabyte: sizes are judged before anything is decoded.
Source: https://cloud.google.com/healthcare-api/quotas#dicom_limits
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydicom.dataset import Dataset

from localcloud.errors import GoogleError

MAX_TRANSCODED_FILE_BYTES = 1 << 30
MAX_TRANSCODED_FRAME_BYTES = 150 << 20
MAX_RENDERED_FRAME_BYTES = 50 << 20
MAX_RENDERED_SIDE_PIXELS = 10_000

_PIXEL_BITS = {"PixelData": 0, "FloatPixelData": 32, "DoubleFloatPixelData": 64}
# An item of encapsulated pixel data has a tag and a length, if nothing else.
_ITEM_BYTES = 8


def failed(message: str) -> GoogleError:
    """400: the instance is what it is, and what is asked of it cannot be done."""
    return GoogleError(400, "FAILED_PRECONDITION", message)


@dataclass(frozen=True)
class Geometry:
    """The image pixel description of an instance; ``bits`` are those allocated to a sample."""

    rows: int
    columns: int
    samples: int
    bits: int
    frames: int
    keyword: str

    @classmethod
    def of(cls, dataset: Dataset) -> Geometry:
        """Read the description.

        Raises
        ------
        GoogleError
            400 when the instance has no pixel data, or does not say what it is.
        """
        keyword = next((name for name in _PIXEL_BITS if name in dataset), "")
        if not keyword:
            raise failed("the instance has no pixel data")
        try:
            found = cls(
                int(dataset.Rows),
                int(dataset.Columns),
                int(dataset.get("SamplesPerPixel") or 1),
                _PIXEL_BITS[keyword] or int(dataset.BitsAllocated),
                int(dataset.get("NumberOfFrames") or 1),
                keyword,
            )
        except (AttributeError, TypeError, ValueError) as error:
            raise failed("the instance does not describe its pixel data") from error
        if min(found.rows, found.columns, found.samples, found.bits, found.frames) < 1:
            raise failed("the instance does not describe its pixel data")
        return found

    @property
    def frame_bytes(self) -> int:
        """The size of one frame that is not compressed."""
        return (self.rows * self.columns * self.samples * self.bits + 7) // 8

    @property
    def is_native_only(self) -> bool:
        """Tell whether the pixel data is of a kind that is never compressed."""
        return self.bits == 1 or self.keyword != "PixelData"

    def check_present(self, dataset: Dataset, is_encapsulated: bool) -> None:
        """Refuse pixel data that cannot hold all the frames the header speaks of."""
        held = len(dataset[self.keyword].value or b"")
        bits = self.rows * self.columns * self.samples * self.bits * self.frames
        if dataset.get("PhotometricInterpretation") == "YBR_FULL_422":
            bits = bits * 2 // 3
        needed = bits // 8
        if is_encapsulated:
            needed = _ITEM_BYTES * self.frames if self.frames > 1 else 0
        if held < needed:
            raise failed(f"the pixel data of {held} bytes cannot hold {self.frames} frames")

    def check_numbers(self, numbers: Sequence[int]) -> None:
        """Refuse a frame that the instance does not have with 404."""
        for number in numbers:
            if not 1 <= number <= self.frames:
                message = f"frame {number} does not exist: the instance has {self.frames}"
                raise GoogleError(404, "NOT_FOUND", message)

    def check_transcoded(self) -> None:
        """Refuse frames that are too large to be transcoded."""
        self._check_frame(MAX_TRANSCODED_FRAME_BYTES, "transcoded")

    def check_transcoded_file(self) -> None:
        """Refuse an instance that is too large to be transcoded as a whole."""
        self.check_transcoded()
        if self.frame_bytes * self.frames > MAX_TRANSCODED_FILE_BYTES:
            raise failed(
                f"an instance of more than {MAX_TRANSCODED_FILE_BYTES} bytes of pixels"
                " cannot be transcoded; ask for transfer-syntax=*"
            )

    def check_rendered(self) -> None:
        """Refuse frames that are too large to be rendered."""
        self._check_frame(MAX_RENDERED_FRAME_BYTES, "rendered")
        if max(self.rows, self.columns) > MAX_RENDERED_SIDE_PIXELS:
            limit = MAX_RENDERED_SIDE_PIXELS
            raise failed(f"a frame with a side of more than {limit} pixels cannot be rendered")

    def _check_frame(self, limit_bytes: int, verb: str) -> None:
        if self.frame_bytes > limit_bytes:
            raise failed(
                f"a frame of {self.frame_bytes} bytes cannot be {verb}: the limit is {limit_bytes}"
            )
