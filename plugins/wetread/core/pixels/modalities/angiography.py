"""XA and RF: every frame as it was stored.

Nothing is subtracted: where the header names mask frames (0028,6100), whoever reads the run decides
on the mask and the pixel shift, and a preliminary read must not hide the bones that show where a
vessel is. Mask frames themselves are not sampled, because there is no contrast agent in them yet.
"""

from __future__ import annotations

from wetread.core.pixels.modalities.general import prepare

__all__ = ["prepare"]
