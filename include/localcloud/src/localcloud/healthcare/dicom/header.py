"""Datasets in the DICOM JSON model, with large values left in the file and referred to.

Source: DICOM PS3.18 annex F and https://cloud.google.com/healthcare-api/docs/dicom#metadata_resources
"""

from __future__ import annotations

import contextlib
import json
import math
from typing import Any, TypeAlias

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.filewriter import correct_ambiguous_vr

Header: TypeAlias = dict[str, dict[str, Any]]

# Stands for ".../instances/UID/bulkdata/" until a request tells the store and the base URL.
BULKDATA_MARK = '"BulkDataURI":"bulkdata:'

_ALWAYS_BULKDATA = frozenset({"OB", "OW", "UN"})
_LARGE_BULKDATA = frozenset({"OD", "OF", "OL", "OV"})
_MAX_INLINE_BYTES = 2048
_MANY_BULKDATA = frozenset({"AT", "FD", "FL", "UL", "US", "SV", "UV"})
_MAX_INLINE_VALUES = 512
_MAX_SEQUENCE_CHARACTERS = 1 << 20
_CHARACTER_SET = "00080005"


def dataset_json(dataset: Dataset, path: str = "") -> Header:
    """Return a dataset in the DICOM JSON model; an element that has no valid form is left out.

    Parameters
    ----------
    path
        Where the dataset is in its file: empty, or ``GGGG/EEEE/item/`` for each sequence above.
    """
    # Without pixel representation "US or SS" stays undecided, and the element is left out.
    with contextlib.suppress(Exception):
        correct_ambiguous_vr(dataset, dataset.original_encoding[1] is not False)
    header: Header = {}
    for tag in sorted(dataset.keys()):
        element_path = f"{path}{tag.group:04X}/{tag.element:04X}"
        # A value that contradicts its VR must not cost the instance: it stays in the file.
        with contextlib.suppress(Exception):
            header[f"{tag:08X}"] = _element_json(dataset[tag], element_path)
    if _CHARACTER_SET in header:
        # JSON is UTF-8 whatever the file was (PS3.18 section F.2).
        header[_CHARACTER_SET] = {"vr": "CS", "Value": ["ISO_IR 192"]}
    return header


def _element_json(element: DataElement, path: str) -> dict[str, Any]:
    if element.VR == "SQ":
        items = [dataset_json(item, f"{path}/{n}/") for n, item in enumerate(element.value)]
        if len(json.dumps(items)) > _MAX_SEQUENCE_CHARACTERS:
            raise ValueError("sequence too long for metadata")
        return {"vr": "SQ", "Value": items} if items else {"vr": "SQ"}
    if _is_bulk_data(element):
        return {"vr": element.VR, **({} if element.is_empty else _reference(path))}
    document = element.to_json_dict(None, 0)
    if "Value" in document:
        document["Value"] = [_finite(value) for value in document["Value"]]
    json.dumps(document, allow_nan=False)
    return document


def _is_bulk_data(element: DataElement) -> bool:
    """Apply Google's definition of bulk data; pixel data never comes here.

    Source: https://cloud.google.com/healthcare-api/docs/dicom#bulkdata_definition
    """
    if element.VR in _LARGE_BULKDATA:
        return len(element.value or b"") > _MAX_INLINE_BYTES
    return element.VR in _ALWAYS_BULKDATA or (
        element.VR in _MANY_BULKDATA and element.VM > _MAX_INLINE_VALUES
    )


def _reference(path: str) -> dict[str, str]:
    return {"BulkDataURI": f"bulkdata:{path}"}


def _finite(value: object) -> object:
    # JSON has no such numbers; PS3.18 table F.2.3-1 writes them as strings.
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def with_pixel_reference(header: Header, tag: str, vr: str) -> Header:
    """Add the pixel data element, always by reference."""
    return {**header, tag: {"vr": vr, **_reference(f"{tag[:4]}/{tag[4:]}")}}


def header_text(header: Header) -> str:
    """Serialise a header; characters that UTF-8 cannot carry become question marks."""
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace").decode()


def first_value(header: Header, tag: str) -> str:
    """Return an element's first value as text, a person name in its alphabetic form."""
    values = header.get(tag, {}).get("Value") or [""]
    value = values[0]
    if isinstance(value, dict):
        value = value.get("Alphabetic", "")
    return "" if value is None else str(value)
