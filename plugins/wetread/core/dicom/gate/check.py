"""The gate itself: the first broken rule of an object, read again from the bytes to be stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from pydicom import Dataset
from pydicom.uid import (
    Comprehensive3DSRStorage,
    KeyObjectSelectionDocumentStorage,
    MicroscopyBulkSimpleAnnotationsStorage,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
)

from wetread.core.dicom.gate.annotations import annotation_violations
from wetread.core.dicom.gate.documents import key_object_violations, report_violations
from wetread.core.dicom.gate.file_format import file_violations, read_file
from wetread.core.dicom.gate.modules import module_violations
from wetread.core.dicom.gate.pictures import capture_violations
from wetread.core.dicom.gate.policy import policy_violations
from wetread.core.dicom.gate.references import reference_violations
from wetread.core.dicom.gate.segmentation import segmentation_violations
from wetread.core.dicom.gate.values import value_violations
from wetread.core.errors import problem
from wetread.core.violation import Violation

_Rules = Callable[[Dataset], Iterator[Violation]]

_OF_KIND: Final[Mapping[str, tuple[str, _Rules]]] = MappingProxyType(
    {
        Comprehensive3DSRStorage: ("SR", report_violations),
        KeyObjectSelectionDocumentStorage: ("KO", key_object_violations),
        SegmentationStorage: ("SEG", segmentation_violations),
        SecondaryCaptureImageStorage: ("OT", capture_violations),
        MicroscopyBulkSimpleAnnotationsStorage: ("ANN", annotation_violations),
    }
)
"""The kinds of objects that Wetread writes, each with its modality."""


def check_object(blob: bytes, subject: str) -> None:
    """Do nothing if the object may be stored.

    Parameters
    ----------
    blob : a file in the format of PS3.10
    subject : names the study, or the analysis in it, in the error

    Raises
    ------
    PermanentError
        ``result-invalid``: a rule is broken; the text names the rule and the attribute.
    """
    violation = next(violations(blob), None)
    if violation:
        rule, element = violation.rule, violation.element
        raise problem("result-invalid", f"DICOM result of {subject}: {element} breaks {rule}.")


def violations(blob: bytes) -> Iterator[Violation]:
    """Yield every broken rule; without the UIDs that name an object nothing else can be judged."""
    dataset = read_file(blob)
    if dataset is None:
        yield Violation("dicom.file.format", "the file")
        return
    yield from file_violations(dataset)
    kind = _OF_KIND.get(str(dataset.get("SOPClassUID")))
    if kind is None:
        yield Violation("dicom.policy.sop-class", "SOPClassUID")
        return
    missing = list(module_violations(dataset))
    yield from missing
    if missing:
        return
    modality, rules = kind
    if dataset.Modality != modality:
        yield Violation("dicom.policy.modality", "Modality")
    yield from value_violations(dataset)
    yield from reference_violations(dataset)
    yield from rules(dataset)
    yield from policy_violations(dataset)
