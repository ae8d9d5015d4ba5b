"""Applies the rules to every element of a dataset, sequences included."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from localcloud.healthcare.dicom.deidentify.dummies import dummy_value
from localcloud.healthcare.dicom.deidentify.inspection import Inspector
from localcloud.healthcare.dicom.deidentify.rules import Fate, Rules
from localcloud.healthcare.dicom.deidentify.transformations import Transformations, is_whole
from localcloud.healthcare.dicom.deidentify.uids import UidMap


@dataclass(frozen=True)
class Scrubber:
    """Changes datasets in place; `patient` is what dates are shifted by."""

    rules: Rules
    uids: UidMap
    transformations: Transformations
    inspector: Inspector
    patient: str

    def scrub(self, dataset: Dataset, depth: int = 0) -> None:
        """Change one dataset and all that is nested in it."""
        for tag in sorted(dataset.keys()):
            # Group lengths would not be true any more, and nobody needs them.
            if tag.element == 0 and tag.group != 2:
                del dataset[tag]
                continue
            self._apply(dataset, dataset[tag], depth)

    def _apply(self, dataset: Dataset, element: DataElement, depth: int) -> None:
        fate = self.rules.fate(element.tag, element.VR, depth)
        if fate is Fate.REMOVE:
            del dataset[element.tag]
        elif fate is Fate.EMPTY:
            element.value = [] if element.VR == "SQ" else None
        elif fate is Fate.DUMMY:
            element.value = dummy_value(element.VR)
        elif fate is Fate.MAP_UID:
            element.value = _each(element, self.uids.new)
        elif fate is Fate.INSPECT:
            element.value = _each(element, lambda text: self._inspected(text, element.VR))
        elif element.VR == "SQ":
            for item in element.value:
                self.scrub(item, depth + 1)

    def _inspected(self, text: str, vr: str) -> str:
        if is_whole(vr):
            return self.transformations.whole(text, vr, self.patient)
        return self.transformations.inspected(text, self.inspector, self.patient)


def _each(element: DataElement, change: Callable[[str], str]) -> object:
    if element.is_empty:
        return element.value
    if isinstance(element.value, MultiValue | list):
        return [change(str(value)) for value in element.value]
    return change(str(element.value))
