"""The content tree of a document: its items and how they hang together (PS3.3 C.17.3)."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final

from pydicom import Dataset

from wetread.core.dicom.gate.graphics import is_graphic
from wetread.core.violation import Violation

_CONTENT: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "CODE": ("ConceptNameCodeSequence", "ConceptCodeSequence"),
        "COMPOSITE": ("ReferencedSOPSequence",),
        "CONTAINER": ("ConceptNameCodeSequence", "ContinuityOfContent", "ContentSequence"),
        "DATE": ("ConceptNameCodeSequence", "Date"),
        "DATETIME": ("ConceptNameCodeSequence", "DateTime"),
        "IMAGE": ("ReferencedSOPSequence",),
        "NUM": ("ConceptNameCodeSequence",),
        "PNAME": ("ConceptNameCodeSequence", "PersonName"),
        "SCOORD": ("GraphicType", "GraphicData"),
        "SCOORD3D": ("GraphicType", "GraphicData", "ReferencedFrameOfReferenceUID"),
        "TEXT": ("ConceptNameCodeSequence", "TextValue"),
        "TIME": ("ConceptNameCodeSequence", "Time"),
        "UIDREF": ("ConceptNameCodeSequence", "UID"),
    }
)
"""What must have a value, by value type (PS3.3 tables C.17-5, C.18.1 to C.18.9)."""


@dataclass(frozen=True)
class _Constraints:
    value_types: frozenset[str]
    allowed: frozenset[tuple[str, str, str]]


@cache
def _constraints() -> Mapping[str, _Constraints]:
    table = tomllib.loads(files(__package__).joinpath("content_tree.toml").read_text("utf-8"))
    return MappingProxyType({uid: _read(row) for uid, row in table.items()})


def _read(row: Mapping[str, Any]) -> _Constraints:
    value_types = frozenset(row["value_types"])

    def named(words: str) -> frozenset[str]:
        return value_types if words == "*" else frozenset(words.split())

    allowed = frozenset(
        (source, relationship, target)
        for sources, relationship, targets in row["relationship"]
        for source in named(sources)
        for target in named(targets)
    )
    return _Constraints(value_types, allowed)


def content_violations(document: Dataset, template: str) -> Iterator[Violation]:
    """Yield what is wrong with the tree of a document that follows ``template`` of PS3.16."""
    used = next(iter(document.get("ContentTemplateSequence") or ()), Dataset())
    if used.get("TemplateIdentifier") != template or used.get("MappingResource") != "DCMR":
        yield Violation("dicom.sr.template", "ContentTemplateSequence")
    if document.get("ValueType") != "CONTAINER":
        yield Violation("dicom.sr.item", "ValueType")
    yield from _item_violations(document, "CONTAINER", "")
    constraints = _constraints()[str(document.SOPClassUID)]
    yield from _children(document, constraints, "")


def _children(parent: Dataset, constraints: _Constraints, place: str) -> Iterator[Violation]:
    for index, item in enumerate(parent.get("ContentSequence") or ()):
        path = f"{place}ContentSequence.{index}"
        kind = str(item.get("ValueType"))
        if kind not in constraints.value_types:
            yield Violation("dicom.sr.value-type", path)
            continue
        source, relationship = str(parent.get("ValueType")), str(item.get("RelationshipType"))
        if (source, relationship, kind) not in constraints.allowed:
            yield Violation("dicom.sr.relationship", path)
        yield from _item_violations(item, kind, path)
        yield from _children(item, constraints, f"{path}.")


def _item_violations(item: Dataset, kind: str, path: str) -> Iterator[Violation]:
    for keyword in _CONTENT.get(kind, ()):
        if keyword not in item or item[keyword].is_empty:
            yield Violation("dicom.sr.item", f"{path}.{keyword}".lstrip("."))
    if kind == "NUM" and not _is_measured(item):
        yield Violation("dicom.sr.number", f"{path}.MeasuredValueSequence")
    if kind in ("SCOORD", "SCOORD3D") and not is_graphic(item):
        yield Violation("dicom.sr.graphic", f"{path}.GraphicData")
    if kind == "SCOORD" and _selected_images(item) != 1:
        yield Violation("dicom.sr.selected-image", path)


def _is_measured(item: Dataset) -> bool:
    """Tell whether a number has a unit, or a reason why there is no number."""
    values = list(item.get("MeasuredValueSequence") or [])
    if len(values) != 1:
        return not values and bool(item.get("NumericValueQualifierCodeSequence"))
    unit = values[0].get("MeasurementUnitsCodeSequence")
    return values[0].get("NumericValue") is not None and bool(unit)


def _selected_images(item: Dataset) -> int:
    return sum(
        child.get("RelationshipType") == "SELECTED FROM" and child.get("ValueType") == "IMAGE"
        for child in item.get("ContentSequence") or ()
    )
