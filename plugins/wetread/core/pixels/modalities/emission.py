"""NM and PT: counts or activity, where zero means nothing.

A window that the image declares is kept. Without one each frame is shown from zero to its own
bright end, so that the background stays dark and a faint frame is still to be seen; a derived
window differs between frames, so that brightness compares within a frame and not between frames.
Hot is white: readers often invert these images, a model has seen photographs. An image that
declares itself inverted is shown so.
"""

from __future__ import annotations

from pydicom import Dataset

from wetread.core.pixels.modalities.contract import Options
from wetread.core.pixels.rendering import RenderedFrame, render_frame
from wetread.core.pixels.voi import Voi, derived_voi


def prepare(dataset: Dataset, frame_number: int, options: Options) -> RenderedFrame:
    """Render as declared, else from zero to the brightest values of the frame."""
    return render_frame(
        dataset, frame_number, limit_bytes=options.limit_bytes, derive_voi=_from_zero
    )


def _from_zero(low: float, high: float) -> Voi:
    # Filtered back-projection leaves some values below zero; only a frame of such goes lower.
    return derived_voi(0.0 if high > 0 else low, high)
