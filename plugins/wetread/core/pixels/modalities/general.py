"""Any modality whose images need nothing beyond the standard's order of steps.

MR, CR and other radiographs, photographs and screen captures: the declared window or VOI LUT, else
the range of the frame without its outliers.
"""

from __future__ import annotations

from pydicom import Dataset

from wetread.core.pixels.modalities.contract import Options
from wetread.core.pixels.rendering import RenderedFrame, render_frame


def prepare(dataset: Dataset, frame_number: int, options: Options) -> RenderedFrame:
    """Render as declared."""
    return render_frame(dataset, frame_number, limit_bytes=options.limit_bytes)
