"""Rendered pictures and the viewport they are fitted to.

Source: DICOM PS3.18 section 8.3.5.1.3 and
https://cloud.google.com/healthcare-api/docs/dicom#rendered_resources
"""

from __future__ import annotations

import io
from dataclasses import dataclass

from PIL import Image

from localcloud.errors import GoogleError
from localcloud.healthcare.resources import invalid

MAX_SIDE_PIXELS = 10_000
_JPEG_QUALITY = 90


@dataclass(frozen=True)
class Viewport:
    """The size to fit into, and the region of the picture to show; all in pixels.

    A region is (left, top, width, height); a width or height of 0 reaches to the edge.
    """

    width: int
    height: int
    region: tuple[int, int, int, int]

    @classmethod
    def parse(cls, text: str) -> Viewport:
        """Read ``vw,vh`` or ``vw,vh,sx,sy,sw,sh``; an empty part of the region is its default.

        Raises
        ------
        GoogleError
            400 for any other form, a negative number, or a side beyond the limit.
        """
        parts = text.split(",")
        numbers = [part or "0" for part in parts]
        well_formed = len(parts) in (2, 6) and all(n.isascii() and n.isdigit() for n in numbers)
        if not well_formed or max(map(len, numbers)) > len(str(MAX_SIDE_PIXELS)):
            raise _invalid(text)
        width, height, *region = map(int, numbers)
        if not (1 <= width <= MAX_SIDE_PIXELS and 1 <= height <= MAX_SIDE_PIXELS):
            raise _invalid(text)
        left, top, region_width, region_height = region or (0, 0, 0, 0)
        return cls(width, height, (left, top, region_width, region_height))

    def fit(self, picture: Image.Image) -> Image.Image:
        """Cut the region out and scale it to fit, keeping its aspect ratio.

        Raises
        ------
        GoogleError
            400 when the region is not within the picture.
        """
        left, top, width, height = self.region
        right = left + width if width else picture.width
        bottom = top + height if height else picture.height
        if not (left < right <= picture.width and top < bottom <= picture.height):
            raise invalid("invalid viewport: its region is not within the picture")
        picture = picture.crop((left, top, right, bottom))
        scale = min(self.width / picture.width, self.height / picture.height)
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        return picture.resize(size, Image.Resampling.BILINEAR)


def _invalid(text: str) -> GoogleError:
    form = f"want vw,vh or vw,vh,sx,sy,sw,sh, sides of 1 to {MAX_SIDE_PIXELS} pixels"
    return invalid(f"invalid viewport {text[:40]!r}: {form}")


def encode_picture(picture: Image.Image, media_type: str, viewport: str) -> bytes:
    """Encode a picture as ``image/jpeg`` or ``image/png``, fitted to a viewport if one is given."""
    if viewport:
        picture = Viewport.parse(viewport).fit(picture)
    output = io.BytesIO()
    if media_type == "image/png":
        picture.save(output, "PNG")
    else:
        picture.save(output, "JPEG", quality=_JPEG_QUALITY)
    return output.getvalue()
