"""Values as their representation and multiplicity have them (PS3.5 section 6, PS3.6)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from pydicom import DataElement, Dataset
from pydicom.config import RAISE
from pydicom.datadict import dictionary_VM, dictionary_VR
from pydicom.multival import MultiValue
from pydicom.valuerep import validate_value

from wetread.core.dicom.gate.standard import inherited_attributes
from wetread.core.violation import Violation

_TEXT: Final = frozenset(
    {"AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UR"}
)
_UID: Final = re.compile(r"(?=.{1,64}$)[0-2](\.(0|[1-9][0-9]*))+")
"""PS3.5 section 9.1."""

_OTHERS: Final = frozenset(
    {
        "ReferencedFrameOfReferenceUID",
        "ReferencedSOPClassUID",
        "ReferencedSOPInstanceUID",
        "StudyInstanceUID",
    }
)
"""UIDs that others gave; a result names what it is about, however that is numbered."""

_OTHERS_WITHIN_ITEMS: Final = frozenset({"SeriesInstanceUID"})


def value_violations(dataset: Dataset, place: str = "") -> Iterator[Violation]:
    """Yield each value that Wetread gave and that its representation does not allow."""
    for element in dataset:
        keyword = element.keyword
        if not keyword or element.tag.is_private:
            yield Violation("dicom.value.private", f"{place}{element.tag}")
        elif place or keyword not in inherited_attributes():
            yield from _element_violations(element, place)


def _element_violations(element: DataElement, place: str) -> Iterator[Violation]:
    path = f"{place}{element.keyword}"
    if element.VR not in dictionary_VR(element.tag).split(" or "):
        yield Violation("dicom.value.representation", path)
        return
    if element.VR == "SQ":
        for index, item in enumerate(element.value):
            yield from value_violations(item, f"{path}.{index}.")
        return
    values = _values(element)
    if values and not _multiplicity(element.tag).holds(len(values)):
        yield Violation("dicom.value.multiplicity", path)
    if element.VR == "UI":
        free = element.keyword in _OTHERS or (place and element.keyword in _OTHERS_WITHIN_ITEMS)
        if not free and not all(_UID.fullmatch(str(value)) for value in values):
            yield Violation("dicom.value.uid", path)
    elif element.VR in _TEXT and not all(_is_valid(element.VR, value) for value in values):
        yield Violation("dicom.value.text", path)


def _values(element: DataElement) -> list[Any]:
    value = element.value
    if isinstance(value, MultiValue | list):
        return list(value)
    return [] if element.is_empty else [value]


def _is_valid(vr: str, value: Any) -> bool:
    text = getattr(value, "original_string", None) or str(value)
    try:
        validate_value(vr, text, RAISE)
    except ValueError:
        return False
    return True


class _Multiplicity:
    """A Value Multiplicity of PS3.6 section 6, such as ``1``, ``1-n`` or ``2-2n``."""

    def __init__(self, text: str) -> None:
        first, _, last = text.partition("-")
        self._least = int(first)
        self._step = int(last.rstrip("n") or 1) if last.endswith("n") else None
        self._most = None if last.endswith("n") else int(last or first)

    def holds(self, count: int) -> bool:
        if self._most is not None:
            return self._least <= count <= self._most
        return count >= self._least and (count - self._least) % (self._step or 1) == 0


@cache
def _multiplicity(tag: int) -> _Multiplicity:
    return _Multiplicity(dictionary_VM(tag).split(" or ")[-1])
