"""SM: tiles of a slide at the level of its pyramid that the budget of tiles affords.

Colours stay as the scanner stored them: a profile (0028,2000) is applied only for models that were
trained so. Labels and overviews never get here, because they often show the patient's name.
"""

from __future__ import annotations

from wetread.core.pixels.modalities.general import prepare

__all__ = ["prepare"]
