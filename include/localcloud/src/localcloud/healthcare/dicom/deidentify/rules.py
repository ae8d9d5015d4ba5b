"""Which element of a dataset is kept, removed or replaced: a table, and what each profile takes.

Sources: https://cloud.google.com/healthcare-api/docs/how-tos/dicom-deidentify and
DICOM PS3.15 annex E
"""

from __future__ import annotations

import importlib.resources
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, StrEnum
from functools import cache
from typing import Any

from pydicom.datadict import tag_for_keyword
from pydicom.tag import BaseTag, Tag

from localcloud.healthcare.resources import invalid


class Fate(Enum):
    """What becomes of an element."""

    KEEP = "keep"
    REMOVE = "remove"
    EMPTY = "empty"
    DUMMY = "dummy"
    MAP_UID = "map the UID"
    INSPECT = "inspect the text"


class Profile(StrEnum):
    """How the fate of an element is found."""

    KEEP_ALL = "KEEP_ALL_PROFILE"
    KEEP_LIST = "keep list"
    REMOVE_LIST = "remove list"
    BASIC = "ATTRIBUTE_CONFIDENTIALITY_BASIC_PROFILE"
    TAG_CONTENTS = "DEIDENTIFY_TAG_CONTENTS"


# Where PS3.15 leaves a choice by the type that an IOD gives an element: the one valid in every IOD.
_CHOICES = {
    "X": Fate.REMOVE,
    "Z": Fate.EMPTY,
    "D": Fate.DUMMY,
    "U": Fate.MAP_UID,
    "X/Z": Fate.EMPTY,
    "X/D": Fate.DUMMY,
    "Z/D": Fate.DUMMY,
    "X/Z/D": Fate.DUMMY,
    # The sequence stays, and the UIDs in it are replaced.
    "X/Z/U*": Fate.KEEP,
}
_OVERLAYS, _CURVES = 0x6000, 0x5000
_REPEATED_GROUPS = range(0x00, 0x100)
_OVERLAY_DATA = Tag(0x6000, 0x3000)

# The identity of an instance, and how others refer to it.
IDENTITIES = frozenset(
    Tag(tag_for_keyword(keyword) or 0)
    for keyword in (
        "StudyInstanceUID",
        "SeriesInstanceUID",
        "SOPInstanceUID",
        "MediaStorageSOPInstanceUID",
        "ReferencedSOPInstanceUID",
        "ReferencedSOPInstanceUIDInFile",
        "FailedSOPInstanceUIDList",
    )
)
_INSPECTED_VRS = frozenset({"AE", "LO", "LT", "PN", "SH", "ST", "UC", "UT", "DA", "DT", "AS"})


@cache
def _document(name: str) -> dict[str, Any]:
    path = importlib.resources.files(__package__ or "") / name
    document: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return document


@cache
def minimal_keep_list() -> frozenset[BaseTag]:
    """Return what every keep list holds: what a file and its pixels need to be read."""
    return frozenset(parse_tags(_document("minimal_keep_list.json")["keywords"]))


@cache
def _basic_profile() -> dict[int, Fate]:
    attributes = _document("basic_profile.json")["attributes"]
    return {int(tag, 16): _CHOICES[action] for tag, action in attributes.items()}


def parse_tags(names: Iterable[str]) -> set[BaseTag]:
    """Return tags by keyword or by eight hexadecimal digits.

    Raises
    ------
    GoogleError
        400 for a name that is neither.
    """
    return {_parse_tag(name) for name in names}


def _parse_tag(name: str) -> BaseTag:
    if re.fullmatch(r"[0-9A-Fa-f]{8}", name):
        return Tag(int(name, 16))
    tag = tag_for_keyword(name)
    if tag is None:
        raise invalid(f"invalid tag {name!r}: want a keyword such as PatientID, or 00100020")
    return Tag(tag)


@dataclass(frozen=True)
class Rules:
    """The fate of every element.

    Parameters
    ----------
    tags
        What a keep list keeps or a remove list removes, whole groups of overlays included.
    keeps_identity
        Whether Study, Series and SOP Instance UIDs, and references to them, stay as they are.
    """

    profile: Profile
    tags: frozenset[BaseTag] = frozenset()
    keeps_identity: bool = False

    @classmethod
    def keep_list(cls, tags: set[BaseTag], keeps_identity: bool) -> Rules:
        """Keep these tags and the minimal ones; an empty list keeps everything."""
        profile = Profile.KEEP_LIST if tags else Profile.KEEP_ALL
        return cls(profile, frozenset(tags) | minimal_keep_list(), keeps_identity)

    @classmethod
    def minimal(cls, keeps_identity: bool) -> Rules:
        """Keep what every keep list keeps and nothing else."""
        return cls(Profile.KEEP_LIST, minimal_keep_list(), keeps_identity)

    @classmethod
    def remove_list(cls, tags: set[BaseTag], keeps_identity: bool) -> Rules:
        """Remove these tags and overlays; an empty list removes nothing.

        Raises
        ------
        GoogleError
            400 for a tag without which a file cannot be read.
        """
        if needed := sorted(tags & minimal_keep_list()):
            raise invalid(f"remove_list cannot have {needed[0]}: every instance needs it")
        profile = Profile.REMOVE_LIST if tags else Profile.KEEP_ALL
        return cls(profile, frozenset({*tags, _OVERLAY_DATA}), keeps_identity)

    def fate(self, tag: BaseTag, vr: str, depth: int) -> Fate:
        """Return what becomes of an element; `depth` counts the sequences around it."""
        chosen = self._by_profile(tag, vr, depth)
        if tag in IDENTITIES and chosen in (Fate.KEEP, Fate.MAP_UID):
            return Fate.KEEP if self.keeps_identity else Fate.MAP_UID
        return chosen

    def _by_profile(self, tag: BaseTag, vr: str, depth: int) -> Fate:
        if self.profile is Profile.KEEP_LIST:
            # What is inside a sequence that is kept is kept with it.
            return Fate.KEEP if depth or tag in self.tags else Fate.REMOVE
        if self.profile is Profile.REMOVE_LIST:
            is_overlay = _is_repeated(tag, _OVERLAYS) and _OVERLAY_DATA in self.tags
            return Fate.REMOVE if is_overlay or tag in self.tags else Fate.KEEP
        if self.profile is Profile.BASIC:
            return _basic_fate(tag, vr)
        if self.profile is Profile.TAG_CONTENTS and vr in _INSPECTED_VRS:
            return Fate.INSPECT
        return Fate.KEEP


# What it holds is judged item by item, for an SR document would be nothing without it.
_CONTENT = Tag(tag_for_keyword("ContentSequence") or 0)


def _basic_fate(tag: BaseTag, vr: str) -> Fate:
    # Without their data overlays and curves are not valid: the whole group goes.
    if tag.is_private or _is_repeated(tag, _OVERLAYS) or _is_repeated(tag, _CURVES):
        return Fate.REMOVE
    if tag == _CONTENT:
        return Fate.KEEP
    return _basic_profile().get(tag, Fate.KEEP)


def _is_repeated(tag: BaseTag, base: int) -> bool:
    return tag.group - base in _REPEATED_GROUPS
