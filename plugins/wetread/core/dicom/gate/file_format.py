"""The file around the data set (PS3.10 section 7.1)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from io import BytesIO
from typing import Final

from pydicom import FileDataset, dcmread
from pydicom.errors import InvalidDicomError
from pydicom.uid import ExplicitVRLittleEndian

from wetread.core.violation import Violation

_UNREADABLE: Final = (
    AttributeError,
    EOFError,
    InvalidDicomError,
    KeyError,
    OSError,
    TypeError,
    ValueError,
    struct.error,
)
"""What pydicom raises on bytes that are no data set."""


def read_file(blob: bytes) -> FileDataset | None:
    """Return the data set with every value decoded; None where the bytes are no such file."""
    try:
        dataset = dcmread(BytesIO(blob))
        for element in dataset.iterall():
            _ = element.value
    except _UNREADABLE:
        return None
    return dataset


def file_violations(dataset: FileDataset) -> Iterator[Violation]:
    """Yield where the file meta information and the data set disagree."""
    meta = dataset.file_meta
    for rule, keyword, expected in (
        ("dicom.file.class", "MediaStorageSOPClassUID", dataset.get("SOPClassUID")),
        ("dicom.file.instance", "MediaStorageSOPInstanceUID", dataset.get("SOPInstanceUID")),
        ("dicom.file.syntax", "TransferSyntaxUID", ExplicitVRLittleEndian),
    ):
        if not expected or meta.get(keyword) != expected:
            yield Violation(rule, keyword)
    if not meta.get("ImplementationClassUID"):
        yield Violation("dicom.file.implementation", "ImplementationClassUID")
