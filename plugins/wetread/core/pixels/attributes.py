"""The attributes of one frame, wherever an instance keeps them."""

from __future__ import annotations

from typing import Any

from pydicom import Dataset

_MACROS = ("PixelValueTransformationSequence", "FrameVOILUTSequence")


def display_attributes(dataset: Dataset, frame_number: int) -> Dataset:
    """Return what decides how a frame is displayed, in the flat form of a single-frame image.

    An enhanced multi-frame object keeps the rescale and the window in functional groups: the
    frame's own item counts, then the shared one, then the top level (PS3.3 C.7.6.16).

    Parameters
    ----------
    frame_number : starts at 1
    """
    macros = [functional_group(dataset, frame_number, macro) for macro in _MACROS]
    found = [macro for macro in macros if macro is not None]
    if not found:
        return dataset
    flat = Dataset()
    flat.file_meta = dataset.file_meta
    flat.set_original_encoding(*dataset.original_encoding)
    for source in (dataset.group_dataset(0x0028), *found):
        flat.update({e.tag: e for e in source if not e.is_empty and e.tag.group == 0x0028})
    shape = dataset.get_item("PresentationLUTShape")
    if shape is not None:
        flat[shape.tag] = shape
    return flat


def declared(header: Dataset, keyword: str, default: Any = None) -> Any:
    """Return an attribute's value; ``default`` where it is absent or empty."""
    value = header.get(keyword)
    return default if value is None or value == "" else value


def functional_group(dataset: Dataset, frame_number: int, macro: str) -> Dataset | None:
    """Return what a multi-frame object says of a frame in ``macro``; None for other objects."""
    per_frame = dataset.get("PerFrameFunctionalGroupsSequence") or []
    shared = dataset.get("SharedFunctionalGroupsSequence") or []
    for group in (*per_frame[frame_number - 1 : frame_number], *shared[:1]):
        items = group.get(macro)
        if items:
            item: Dataset = items[0]
            return item
    return None
