"""Attributes that must be there, and those that must have a value (PS3.5 section 7.4)."""

from __future__ import annotations

from collections.abc import Iterator

from pydicom import Dataset

from wetread.core.dicom.gate.standard import Required, inherited_attributes, required_attributes
from wetread.core.violation import Violation


def module_violations(dataset: Dataset) -> Iterator[Violation]:
    """Yield each attribute of type 1 or 2 that the object lacks.

    Those that are required under a condition are left to the rules of the kind of object.
    """
    yield from _missing(dataset, required_attributes(str(dataset.SOPClassUID)), "")


def _missing(dataset: Dataset, required: Required, place: str) -> Iterator[Violation]:
    for keyword in sorted(required.with_value):
        if keyword not in dataset or dataset[keyword].is_empty:
            yield Violation(f"dicom.type1.{keyword}", f"{place}{keyword}")
    for keyword in sorted(required.present):
        if keyword not in dataset:
            yield Violation(f"dicom.type2.{keyword}", f"{place}{keyword}")
    for keyword, inner in required.items.items():
        if keyword in dataset and keyword not in inherited_attributes():
            for index, item in enumerate(dataset[keyword].value or ()):
                yield from _missing(item, inner, f"{place}{keyword}.{index}.")
