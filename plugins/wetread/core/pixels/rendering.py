"""From stored pixels to an 8-bit picture.

Every grey picture shows the window that the image declares; only an image without
one is stretched, and says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom import Dataset

from wetread.core.pixels.attributes import display_attributes
from wetread.core.pixels.colour import palette_to_rgb, rgb_to_8_bit
from wetread.core.pixels.decoding import decode_frame, is_colour
from wetread.core.pixels.display import GreyDisplay
from wetread.core.pixels.errors import PixelError
from wetread.core.pixels.modality import modality_transform
from wetread.core.pixels.padding import padding_of
from wetread.core.pixels.percentiles import visible_range
from wetread.core.pixels.presentation import is_inverted
from wetread.core.pixels.voi import Voi, WindowUsed, declared_voi, derived_voi


@dataclass(frozen=True)
class RenderedFrame:
    """A picture of shape (rows, columns), or (rows, columns, 3) in RGB, and how it was made.

    ``window`` is None for colour, which has none. ``remarks`` are keys of ``policy.toml``.
    """

    pixels: npt.NDArray[np.uint8]
    window: WindowUsed | None
    remarks: tuple[str, ...] = ()


def render_frame(
    dataset: Dataset,
    frame_number: int = 1,
    *,
    limit_bytes: int,
    choose_voi: Callable[[Dataset], Voi | None] = declared_voi,
    derive_voi: Callable[[float, float], Voi] = derived_voi,
) -> RenderedFrame:
    """Render one frame as it would be shown on a screen, at its stored size.

    Parameters
    ----------
    frame_number : starts at 1
    limit_bytes : what the decoded frame may occupy
    choose_voi : gives the window of a frame with these attributes, or None
    derive_voi : makes one from the lowest and the highest value of the frame, outliers left out

    Raises
    ------
    PixelError
        ``no-pixel-data``, ``image-too-large``, ``transfer-syntax-unsupported`` or
        ``pixels-unreadable``; nothing else.
    """
    try:
        pixels = decode_frame(dataset, frame_number, limit_bytes=limit_bytes)
        return _render(pixels, display_attributes(dataset, frame_number), choose_voi, derive_voi)
    except PixelError:
        raise
    except Exception as error:  # decoders and bad values fail in arbitrary ways
        detail = f"Rendering frame {frame_number} failed with {type(error).__name__}."
        raise PixelError("pixels-unreadable", detail) from None


def _render(
    pixels: npt.NDArray[Any],
    header: Dataset,
    choose_voi: Callable[[Dataset], Voi | None],
    derive_voi: Callable[[float, float], Voi],
) -> RenderedFrame:
    if is_colour(pixels):
        return RenderedFrame(rgb_to_8_bit(pixels, header), None)
    if header.get("PhotometricInterpretation") == "PALETTE COLOR":
        return RenderedFrame(palette_to_rgb(pixels, header), None)
    modality, padding = modality_transform(header), padding_of(header)
    voi = choose_voi(header) or derive_voi(*visible_range(pixels, modality, padding))
    display = GreyDisplay(modality, voi, is_inverted(header), padding)
    return RenderedFrame(display.shade(pixels), voi.window, (voi.window.remark,))
