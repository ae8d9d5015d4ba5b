"""What Wetread demands of its own objects beyond the standard."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Final

from pydicom import Dataset

from wetread.core.dicom.gate.standard import inherited_attributes, standard_meanings
from wetread.core.dicom.ownership import MANUFACTURER
from wetread.core.terminology import terminology
from wetread.core.violation import Violation

NOTICE: Final = "not for clinical use"
OWN_ROOT: Final = "2.25."
"""Below which ``derive_uid`` makes UIDs (PS3.5 section B.2)."""

CHARACTER_SET: Final = "ISO_IR 192"
"""UTF-8, in which any patient's name and any model's words can be written."""

_OF_CODES: Final = ("CodeValue", "LongCodeValue", "CodeMeaning")
_OF_LANGUAGES: Final = frozenset({"RFC5646", "ISO639_2", "ISO3166_1"})
"""Coding schemes of TID 1204, in which a document says what language it is in."""


def policy_violations(dataset: Dataset) -> Iterator[Violation]:
    """Yield where an object hides whose it is, or that nobody may treat a patient by it."""
    if dataset.get("Manufacturer") != MANUFACTURER:
        yield Violation("dicom.policy.manufacturer", "Manufacturer")
    if NOTICE not in str(dataset.get("SeriesDescription")).lower():
        yield Violation("dicom.policy.notice", "SeriesDescription")
    if dataset.get("SpecificCharacterSet") != CHARACTER_SET:
        yield Violation("dicom.policy.character-set", "SpecificCharacterSet")
    for keyword in ("SOPInstanceUID", "SeriesInstanceUID"):
        if not str(dataset.get(keyword)).startswith(OWN_ROOT):
            yield Violation("dicom.policy.uid", keyword)
    yield from _code_violations(dataset, "")


def _code_violations(dataset: Dataset, place: str) -> Iterator[Violation]:
    for element in dataset:
        if element.VR != "SQ" or (not place and element.keyword in inherited_attributes()):
            continue
        for index, item in enumerate(element.value):
            path = f"{place}{element.keyword}.{index}"
            if any(keyword in item for keyword in _OF_CODES):
                yield from _meaning_violations(item, path)
            yield from _code_violations(item, f"{path}.")


def _meaning_violations(code: Dataset, path: str) -> Iterator[Violation]:
    """Yield a code that nobody reviewed: it is in our table or, of a template, in PS3.16."""
    # A code of more than 16 characters is a Long Code Value (PS3.3 table 8.8-1).
    value = str(code.get("CodeValue") or code.get("LongCodeValue"))
    scheme = str(code.get("CodingSchemeDesignator"))
    if scheme in _OF_LANGUAGES:
        return
    ours = _meanings().get(scheme, {}).get(value, frozenset())
    meanings = ours | standard_meanings(scheme).get(value, frozenset())
    if not meanings:
        yield Violation("dicom.code.unknown", path)
    elif code.get("CodeMeaning") not in meanings:
        yield Violation("dicom.code.meaning", path)


@cache
def _meanings() -> Mapping[str, Mapping[str, frozenset[str]]]:
    found: dict[str, dict[str, frozenset[str]]] = {}
    for concept in terminology().all_concepts():
        if concept.designator:
            meanings = found.setdefault(concept.designator, {})
            meanings[concept.code] = meanings.get(concept.code, frozenset()) | {concept.display}
    return found
