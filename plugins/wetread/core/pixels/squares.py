"""Pictures with square pixels, for models that know no others."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

PIXELS_SQUARED = "pixels-squared"
"""The remark on a picture that was resampled."""

_SQUARE_TOLERANCE = 0.01
"""Pixels this close to square are left alone."""

_LONGEST_SIDE_PIXELS = 16_384
"""No picture is enlarged beyond; a tall pixel of a long image is rather left as it is."""


def with_square_pixels(pixels: npt.NDArray[np.uint8], pixel_aspect: float) -> npt.NDArray[np.uint8]:
    """Enlarge the shorter side of the pixels, so that nothing that was seen is lost.

    Regions keep their place in fractions of the sides.

    Parameters
    ----------
    pixels : shape (rows, columns) or (rows, columns, 3)
    pixel_aspect : height of a pixel divided by its width
    """
    if abs(pixel_aspect - 1) <= _SQUARE_TOLERANCE:
        return pixels
    rows, columns = pixels.shape[:2]
    if pixel_aspect > 1:
        rows = round(rows * pixel_aspect)
    else:
        columns = round(columns / pixel_aspect)
    if max(rows, columns) > _LONGEST_SIDE_PIXELS:
        return pixels
    resized = Image.fromarray(pixels).resize((columns, rows), Image.Resampling.BILINEAR)
    return np.asarray(resized)
