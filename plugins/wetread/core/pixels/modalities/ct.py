"""CT: Hounsfield units mean the same everywhere, so a body part has a window of its own.

The presets stand in ``policy.toml``. Values that are not in Hounsfield units, as the header tells,
are shown like those of any other modality.
"""

from __future__ import annotations

from pydicom import Dataset

from wetread.core.pixels.attributes import declared
from wetread.core.pixels.modalities.contract import Options
from wetread.core.pixels.policy import ct_preset
from wetread.core.pixels.rendering import RenderedFrame, render_frame
from wetread.core.pixels.voi import Voi, Window, WindowUsed, declared_voi

_HOUNSFIELD = ("", "HU")
"""Rescale Type (0028,1054); absent means Hounsfield units in CT (PS3.3 C.8.2.1.1.2)."""


def prepare(dataset: Dataset, frame_number: int, options: Options) -> RenderedFrame:
    """Render in the window that the image declares, or in the preset of its body part."""

    def choose(header: Dataset) -> Voi | None:
        if options.prefer_ct_presets and _is_in_hounsfield_units(header):
            return preset_voi(dataset)
        found = declared_voi(header)
        return found if found or not _is_in_hounsfield_units(header) else preset_voi(dataset)

    return render_frame(dataset, frame_number, limit_bytes=options.limit_bytes, choose_voi=choose)


def preset_voi(dataset: Dataset) -> Voi:
    """Return the window of the body part that an image shows, as it says itself."""
    preset = ct_preset(str(declared(dataset, "BodyPartExamined", "")))
    return Window(WindowUsed(preset.center, preset.width, "preset", preset.name), "LINEAR")


def _is_in_hounsfield_units(header: Dataset) -> bool:
    return (
        declared(header, "RescaleIntercept") is not None
        and str(declared(header, "RescaleType", "")).strip().upper() in _HOUNSFIELD
        and not header.get("ModalityLUTSequence")
    )
