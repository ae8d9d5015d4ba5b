"""The attributes of one frame, wherever an instance keeps them."""

from __future__ import annotations

from pydicom import Dataset
from pydicom.datadict import tag_for_keyword

_MACROS = ("PixelValueTransformationSequence", "FrameVOILUTSequence")

_DISPLAY_KEYWORDS = (
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "PixelRepresentation",
    "PixelPaddingValue",
    "PixelPaddingRangeLimit",
    "ModalityLUTSequence",
    "RescaleIntercept",
    "RescaleSlope",
    "VOILUTSequence",
    "WindowCenter",
    "WindowWidth",
    "VOILUTFunction",
    "PresentationLUTShape",
    *(
        f"{segmented}{colour}PaletteColorLookupTable{part}"
        for colour in ("Red", "Green", "Blue")
        for segmented, part in (("", "Descriptor"), ("", "Data"), ("Segmented", "Data"))
    ),
)


def display_attributes(dataset: Dataset, frame_number: int) -> Dataset:
    """Gather what decides how a frame is displayed, in the flat form of a single-frame image.

    An enhanced multi-frame object keeps the rescale and the window in functional groups: the
    frame's own item counts, then the shared one, then the top level (PS3.3 C.7.6.16).

    Parameters
    ----------
    frame_number : starts at 1
    """
    flat = Dataset()
    flat.file_meta = dataset.file_meta
    flat.set_original_encoding(*dataset.original_encoding)
    for keyword in _DISPLAY_KEYWORDS:
        _copy(dataset, flat, keyword)
    for macro in _MACROS:
        item = functional_group(dataset, frame_number, macro)
        if item is not None:
            for keyword in _DISPLAY_KEYWORDS:
                _copy(item, flat, keyword)
    return flat


def _copy(source: Dataset, target: Dataset, keyword: str) -> None:
    tag = tag_for_keyword(keyword)
    if tag is not None and tag in source and not source[tag].is_empty:
        target[tag] = source[tag]


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
