"""One DICOM file in, its de-identified copy out."""

from __future__ import annotations

import io
from dataclasses import dataclass
from enum import StrEnum

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID

from localcloud.healthcare.dicom.deidentify.inspection import Inspector
from localcloud.healthcare.dicom.deidentify.redaction import (
    MAX_FILE_BYTES,
    CannotRedact,
    redact_text,
)
from localcloud.healthcare.dicom.deidentify.rules import Rules
from localcloud.healthcare.dicom.deidentify.scrub import Scrubber
from localcloud.healthcare.dicom.deidentify.transformations import Transformations
from localcloud.healthcare.dicom.deidentify.uids import UidMap
from localcloud.healthcare.dicom.encoders import ENCODINGS
from localcloud.healthcare.dicom.transcode import transcode

_PREAMBLE_BYTES = 128


class TextRedaction(StrEnum):
    """Which burned-in text is blacked out."""

    ALL = "REDACT_ALL_TEXT"
    SENSITIVE = "REDACT_SENSITIVE_TEXT"
    NONE = "REDACT_NO_TEXT"


@dataclass(frozen=True)
class Deidentifier:
    """What one operation does to each instance."""

    rules: Rules
    redaction: TextRedaction
    transformations: Transformations
    uids: UidMap

    def copy(self, data: bytes) -> bytes:
        """Return the de-identified copy of a DICOM file.

        Raises
        ------
        CannotRedact
            When the file or its pixels are larger than the API's limits.
        Exception
            Whatever breaks in a file that is not what it claims to be.
        """
        if self.redaction is not TextRedaction.NONE and len(data) > MAX_FILE_BYTES:
            raise CannotRedact(f"the file is larger than {MAX_FILE_BYTES} bytes")
        dataset = pydicom.dcmread(io.BytesIO(data))
        inspector = Inspector.of(dataset, self.transformations.excluded)
        stored_syntax = dataset.file_meta.TransferSyntaxUID
        is_redacted = self._redact(dataset, inspector)
        patient = str(dataset.get("PatientID") or dataset.StudyInstanceUID)
        scrubber = Scrubber(self.rules, self.uids, self.transformations, inspector, patient)
        meta = dataset.file_meta
        scrubber.scrub(meta)
        scrubber.scrub(dataset)
        file = _encoded(dataset, meta)
        return transcode(file, stored_syntax) if is_redacted and _is_exact(stored_syntax) else file

    def _redact(self, dataset: Dataset, inspector: Inspector) -> bool:
        if self.redaction is TextRedaction.ALL:
            return redact_text(dataset, lambda _text: True)
        if self.redaction is TextRedaction.SENSITIVE:
            return redact_text(dataset, inspector.is_sensitive)
        return False


def _is_exact(syntax: str) -> bool:
    """Return whether pixels outside of the text survive being encoded so once more."""
    encoding = ENCODINGS.get(syntax)
    return encoding is not None and not encoding.is_lossy


def _encoded(dataset: Dataset, meta: FileMetaDataset) -> bytes:
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    # A preamble may hold anything, and so a name.
    dataset.preamble = bytes(_PREAMBLE_BYTES)
    dataset.file_meta = meta
    syntax = UID(meta.TransferSyntaxUID)
    output = io.BytesIO()
    pydicom.dcmwrite(
        output,
        dataset,
        implicit_vr=syntax.is_implicit_VR,
        little_endian=syntax.is_little_endian,
        enforce_file_format=True,
    )
    return output.getvalue()
