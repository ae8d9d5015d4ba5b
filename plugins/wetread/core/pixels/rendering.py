"""From stored pixels to an 8-bit picture.

The order is normative (PS3.4 N.2): decode, modality LUT, VOI, presentation; padding is painted
black at the end. Every grey picture shows the window that the image declares; only an image without
one is stretched, and says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom import Dataset

from wetread.core.pixels.attributes import display_attributes
from wetread.core.pixels.colour import palette_to_rgb, rgb_to_8_bit
from wetread.core.pixels.decoding import decode_frame, is_colour
from wetread.core.pixels.errors import PixelError
from wetread.core.pixels.modality import modality_values
from wetread.core.pixels.padding import padding_mask
from wetread.core.pixels.presentation import is_inverted
from wetread.core.pixels.voi import Voi, WindowUsed, declared_voi, derived_voi

_BYTE = 255


@dataclass(frozen=True)
class RenderedFrame:
    """A picture of shape (rows, columns), or (rows, columns, 3) in RGB, and how it was made.

    ``window`` is None for colour, which has none.
    """

    pixels: npt.NDArray[np.uint8]
    window: WindowUsed | None


def render_frame(dataset: Dataset, frame_number: int = 1, *, limit_bytes: int) -> RenderedFrame:
    """Render one frame as it would be shown on a screen, at its stored size.

    Parameters
    ----------
    frame_number : starts at 1
    limit_bytes : what the decoded frame may occupy

    Raises
    ------
    PixelError
        ``no-pixel-data``, ``image-too-large``, ``transfer-syntax-unsupported`` or
        ``pixels-unreadable``; nothing else.
    """
    try:
        return _render(dataset, frame_number, limit_bytes)
    except PixelError:
        raise
    except Exception as error:  # decoders and bad values fail in arbitrary ways
        detail = f"Rendering frame {frame_number} failed with {type(error).__name__}."
        raise PixelError("pixels-unreadable", detail) from None


def _render(dataset: Dataset, frame_number: int, limit_bytes: int) -> RenderedFrame:
    pixels = decode_frame(dataset, frame_number, limit_bytes=limit_bytes)
    header = display_attributes(dataset, frame_number)
    if is_colour(pixels):
        return RenderedFrame(rgb_to_8_bit(pixels, header), None)
    if header.get("PhotometricInterpretation") == "PALETTE COLOR":
        return RenderedFrame(palette_to_rgb(pixels, header), None)
    voi = declared_voi(header) or derived_voi(_visible_values(pixels, header))
    return RenderedFrame(_to_grey(pixels, header, voi), voi.window)


def _visible_values(stored: npt.NDArray[Any], header: Dataset) -> npt.NDArray[np.float64]:
    padding = padding_mask(stored, header)
    visible = stored if padding is None or padding.all() else stored[~padding]
    values = modality_values(visible, header)
    return values[np.isfinite(values)]


def _to_grey(stored: npt.NDArray[Any], header: Dataset, voi: Voi) -> npt.NDArray[np.uint8]:
    if not np.issubdtype(stored.dtype, np.integer):
        return _shade(stored, header, voi)
    # Equal stored values have equal shades: it is cheaper to shade each value once than each pixel.
    low, high = int(stored.min()), int(stored.max())
    if high - low >= stored.size:
        return _shade(stored, header, voi)
    shades = _shade(np.arange(low, high + 1), header, voi)
    grey: npt.NDArray[np.uint8] = shades[np.subtract(stored, low, dtype=np.intp)]
    return grey


def _shade(stored: npt.NDArray[Any], header: Dataset, voi: Voi) -> npt.NDArray[np.uint8]:
    brightness = voi.apply(modality_values(stored, header))
    if is_inverted(header):
        brightness = 1 - brightness
    brightness = np.nan_to_num(brightness, nan=0)
    padding = padding_mask(stored, header)
    if padding is not None:
        brightness[padding] = 0
    return np.rint(brightness * _BYTE).astype(np.uint8)
