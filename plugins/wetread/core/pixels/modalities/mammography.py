"""MG: the breast against black, as the image was made for presentation.

Images are never flipped, not even to face each other: a region that a model points at, and the
laterality that stands in the header, must stay true. Padding counts for nothing when a window is
derived and is painted black, also where dense tissue is black (MONOCHROME1).
"""

from __future__ import annotations

from wetread.core.pixels.modalities.general import prepare

__all__ = ["prepare"]
