"""The standard's own tables, as two libraries ship them.

PS3.3's modules and PS3.16's codes are thousands of rows that change with each edition; copies of
our own would be wrong sooner. Both libraries keep them in private modules, so nothing else here
reaches into these, and the tests name what is expected of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from pydicom.sr._concepts_dict import concepts

_MANDATORY: Final = "M"
_OF_OTHER_VALUE_TYPES: Final = "sr-document-content"
"""The table puts the attributes of all value types beside each other; ``content_tree`` knows."""

_GROUPS_OF_FRAMES: Final = frozenset(
    {"SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"}
)
"""A macro stands in either of them (PS3.3 C.7.6.16.1), so neither must hold any."""

_INHERITED_MODULES: Final = ("patient", "patient-study", "general-study", "specimen")
_INHERITED_ATTRIBUTES: Final = frozenset(
    {
        "BodyPartExamined",
        "FrameOfReferenceUID",
        "ImageLaterality",
        "Laterality",
        "LossyImageCompression",
        "LossyImageCompressionMethod",
        "LossyImageCompressionRatio",
        "PositionReferenceIndicator",
        "RecognizableVisualFeatures",
        "TimezoneOffsetFromUTC",
    }
)


@dataclass(frozen=True)
class Required:
    """What one data set must hold: types 1 and 2 (PS3.5 section 7.4), and so on in its items."""

    with_value: frozenset[str]
    present: frozenset[str]
    items: Mapping[str, Required]


@cache
def required_attributes(sop_class_uid: str) -> Required:
    """Return the attributes of types 1 and 2 in the mandatory modules of an IOD.

    Raises
    ------
    KeyError
        The standard has no such SOP class.
    """
    from highdicom._standard_utils import (
        get_iod_module_map,
        get_module_attribute_map,
        get_sop_class_iod_map,
    )

    modules = get_iod_module_map()[get_sop_class_iod_map()[sop_class_uid]]
    attributes = get_module_attribute_map()
    return _tree(
        ((*row["path"], row["keyword"]), row["type"])
        for module in modules
        if module["usage"] == _MANDATORY and module["key"] != _OF_OTHER_VALUE_TYPES
        for row in attributes[module["key"]]
    )


def _tree(rows: Iterable[tuple[tuple[str, ...], str]]) -> Required:
    with_value, present = set(), set()
    below: dict[str, list[tuple[tuple[str, ...], str]]] = {}
    for (keyword, *rest), kind in rows:
        if rest:
            below.setdefault(keyword, []).append((tuple(rest), kind))
        elif kind == "1":
            with_value.add(keyword)
        elif kind == "2":
            present.add(keyword)
    items = {keyword: _tree(inner) for keyword, inner in below.items()}
    for keyword in _GROUPS_OF_FRAMES & items.keys():
        items[keyword] = Required(frozenset(), frozenset(), items[keyword].items)
    return Required(frozenset(with_value), frozenset(present), MappingProxyType(items))


@cache
def inherited_attributes() -> frozenset[str]:
    """Return the keywords of what is copied from the source as it stands, its faults included.

    Patient and study are the store's; a result must not be lost because a name is too long.
    """
    from highdicom._standard_utils import get_module_attribute_map

    attributes = get_module_attribute_map()
    copied = {
        row["keyword"]
        for module in _INHERITED_MODULES
        for row in attributes[module]
        if not row["path"]
    }
    return _INHERITED_ATTRIBUTES | copied


@cache
def standard_meanings(designator: str) -> Mapping[str, frozenset[str]]:
    """Return PS3.16's Code Meanings of a coding scheme by Code Value; none of other schemes."""
    found: dict[str, frozenset[str]] = {}
    tables: Any = concepts.get(designator, {})
    for codes in tables.values():
        for value, (meaning, _) in codes.items():
            found[value] = found.get(value, frozenset()) | {meaning}
    return MappingProxyType(found)
