"""What an object refers to, and what it says that it refers to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from pydicom import Dataset

from wetread.core.violation import Violation

_EVIDENCE: Final = (
    "CurrentRequestedProcedureEvidenceSequence",
    "PertinentOtherEvidenceSequence",
)
_USED: Final = (
    "ContentSequence",
    "SourceImageSequence",
    "ReferencedImageSequence",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
)
"""Where an object refers to instances because it is about them."""

_UIDS: Final = ("ReferencedSOPClassUID", "ReferencedSOPInstanceUID")


@dataclass(frozen=True)
class Reference:
    """One referenced instance and where the reference stands."""

    sop_class_uid: str
    sop_instance_uid: str
    place: str


def reference_violations(dataset: Dataset) -> Iterator[Violation]:
    """Yield references that the object does not list, and UIDs that are not its own.

    A document lists them as evidence (PS3.3 C.17.2.3), any other object in the module Common
    Instance Reference (C.12.2); a Secondary Capture need not.
    """
    listed = {(r.sop_instance_uid, r.sop_class_uid) for r in _listed(dataset)}
    instances = {uid for uid, _ in listed}
    used = [reference for keyword in _USED for reference in _found(dataset.get(keyword), keyword)]
    if _must_list(dataset):
        if not listed:
            yield Violation("dicom.reference.listed", "ReferencedSOPSequence")
        for reference in used:
            if reference.sop_instance_uid not in instances:
                yield Violation("dicom.reference.listed", reference.place)
            elif (reference.sop_instance_uid, reference.sop_class_uid) not in listed:
                yield Violation("dicom.reference.class", reference.place)
    if _study_of_evidence(dataset) - {str(dataset.StudyInstanceUID)}:
        yield Violation("dicom.reference.study", "CurrentRequestedProcedureEvidenceSequence")
    foreign = instances | {reference.sop_instance_uid for reference in used}
    if str(dataset.SOPInstanceUID) in foreign | {str(dataset.StudyInstanceUID)}:
        yield Violation("dicom.reference.own", "SOPInstanceUID")
    if str(dataset.SeriesInstanceUID) in _series(dataset) | {str(dataset.StudyInstanceUID)}:
        yield Violation("dicom.reference.own", "SeriesInstanceUID")


def _must_list(dataset: Dataset) -> bool:
    return dataset.get("ConversionType") is None


def _listed(dataset: Dataset) -> Iterator[Reference]:
    for keyword in (*_EVIDENCE, "ReferencedSeriesSequence"):
        yield from _found(dataset.get(keyword), keyword)
    for keyword in ("StudiesContainingOtherReferencedInstancesSequence",):
        yield from _found(dataset.get(keyword), keyword)


def _found(items: Iterable[Dataset] | None, place: str) -> Iterator[Reference]:
    for index, item in enumerate(items or ()):
        path = f"{place}.{index}"
        sop_class_uid, sop_instance_uid = (item.get(keyword) for keyword in _UIDS)
        if sop_class_uid or sop_instance_uid:
            yield Reference(str(sop_class_uid), str(sop_instance_uid), path)
        for element in item:
            if element.VR == "SQ":
                yield from _found(element.value, f"{path}.{element.keyword}")


def _study_of_evidence(dataset: Dataset) -> set[str]:
    return {str(study.get("StudyInstanceUID")) for study in dataset.get(_EVIDENCE[0]) or ()}


def _series(dataset: Dataset) -> set[str]:
    """Return the series that the object refers to."""
    lists = [dataset, *(study for name in _EVIDENCE for study in dataset.get(name) or ())]
    return {
        str(series.get("SeriesInstanceUID"))
        for part in lists
        for series in part.get("ReferencedSeriesSequence") or ()
    }
