"""Bad input: what senders really put in a bucket, and what an attacker would.

Every function returns bytes or files that are the same each time. A valid image to start from is a
small CT slice, so that one thing at a time is wrong.
"""

from __future__ import annotations

from io import BytesIO

import numpy as np
from pydicom import Dataset, dcmread
from pydicom.sequence import Sequence
from pydicom.uid import BasicTextSRStorage, CTImageStorage

from samples import part10
from samples.identity import IDENTITIES, Identity, uid
from samples.study import SampleFile

_STUDY = "hostile"
OTHER_PATIENT = Identity("Secondova^Doublette", "SYN-XX-7310530", "19020202", "O", "SYNACC0310530")
HOSTILE_OBJECT_NAMES = (
    "../x.dcm",
    "../../incoming/other-study/x.dcm",
    "/absolute.dcm",
    "a//b.dcm",
    "x" * 296 + ".dcm",
    "Röntgen 検査 🩻.dcm",
    "e\u0301 combining.dcm",
    "right\u202emcd.dcm",
    "percent%2e%2e%2fx.dcm",
    "question?generation=1#fragment.dcm",
    "quote'\"; rm -rf.dcm",
    "{{ ti.xcom_pull() }}.dcm",
    " leading and trailing ",
)
"""Names that Cloud Storage takes (1 to 1024 bytes of UTF-8, no CR or LF) and software may not."""


def image(study: str = _STUDY, instance: int = 1, identity: Identity | None = None) -> Dataset:
    """Return a small valid CT image of ``study``."""
    ds = part10.image(
        identity or IDENTITIES[_STUDY],
        study=study,
        series=1,
        instance=instance,
        modality="CT",
        sop_class=CTImageStorage,
        study_description="Test",
        series_description="Test",
    )
    part10.set_plane(ds, uid(study, "frame"), (-16.0, -16.0, 5.0 * instance), 1.0)
    ds.BodyPartExamined = "CHEST"
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.SliceThickness = 5
    ds.KVP = 120
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = -1024, 1, "HU"
    ds.WindowCenter, ds.WindowWidth = 40, 400
    ramp = np.add.outer(np.arange(32), np.arange(32)) * 20
    part10.set_pixels(ds, ramp + 400, bits_stored=16)
    return ds


def valid(study: str = _STUDY, instance: int = 1) -> bytes:
    """Return the image that the other functions damage."""
    return part10.encode(image(study, instance))


def not_dicom() -> bytes:
    """Return a letter."""
    return b"Dear archive, please find attached the images.\n" * 20


def zero_bytes() -> bytes:
    """Return an object without content."""
    return b""


def truncated(keep: float = 0.6) -> bytes:
    """Return an image whose transfer broke off within the pixels, ``keep`` of it having arrived."""
    content = valid()
    return content[: int(len(content) * keep)]


def truncated_header() -> bytes:
    """Return an image that ends within the value of a header element."""
    content = valid()
    return content[: content.index(b"SYN-XX") + 4]


def preamble_only() -> bytes:
    """Return a preamble and prefix with nothing behind them."""
    return bytes(128) + b"DICM"


def lying_length() -> bytes:
    """Return an image whose pixel data claim to be nearly 4 GiB."""
    content = valid()
    tag = content.rindex(b"\xe0\x7f\x10\x00")
    return content[: tag + 8] + b"\xf0\xff\xff\xff" + content[tag + 12 :]


def no_pixel_data() -> bytes:
    """Return an image without its pixels."""
    ds = image()
    del ds.PixelData
    return part10.encode(ds)


def missing_uid(keyword: str) -> bytes:
    """Return an image without ``StudyInstanceUID``, ``SeriesInstanceUID`` or ``SOPInstanceUID``."""
    ds = dcmread(BytesIO(valid()))
    delattr(ds, keyword)
    buffer = BytesIO()
    ds.save_as(buffer, enforce_file_format=False)
    return buffer.getvalue()


def malformed_uid(keyword: str, value: str = "1.2.not-a-uid/../x") -> bytes:
    """Return an image whose UID is not one."""
    ds = dcmread(BytesIO(valid()))
    ds[keyword]._value = value
    buffer = BytesIO()
    ds.save_as(buffer, enforce_file_format=False)
    return buffer.getvalue()


def two_patients() -> tuple[SampleFile, ...]:
    """Return two images of one study UID that name different patients."""
    second = image(instance=2, identity=OTHER_PATIENT)
    return (
        SampleFile("1.dcm", valid(instance=1)),
        SampleFile("2.dcm", part10.encode(second)),
    )


def conflicting_copies() -> tuple[SampleFile, ...]:
    """Return two images with the same instance UID and other pixels."""
    changed = image()
    changed.PixelData = bytes(len(changed.PixelData))
    return (SampleFile("1.dcm", valid()), SampleFile("2.dcm", part10.encode(changed)))


def duplicates() -> tuple[SampleFile, ...]:
    """Return the same file under two names."""
    return (SampleFile("1.dcm", valid()), SampleFile("copy of 1.dcm", valid()))


def hostile_names() -> tuple[SampleFile, ...]:
    """Return valid images of one study under names that break careless software."""
    return tuple(
        SampleFile(name, valid(instance=number))
        for number, name in enumerate(HOSTILE_OBJECT_NAMES, start=1)
    )


def nothing_usable() -> tuple[SampleFile, ...]:
    """Return a folder in which no file belongs to a study."""
    return (
        SampleFile("readme.txt", not_dicom()),
        SampleFile("empty.dcm", zero_bytes()),
        SampleFile("Thumbs.db", bytes(range(256)) * 4),
    )


def structured_report_only() -> tuple[SampleFile, ...]:
    """Return a study that holds one Basic Text SR (PS3.3 A.35.1) and no image."""
    study = "hostile-sr"
    ds = part10.image(
        IDENTITIES[_STUDY],
        study=study,
        series=1,
        instance=1,
        modality="SR",
        sop_class=BasicTextSRStorage,
        study_description="Test",
        series_description="Report",
    )
    ds.ReferencedPerformedProcedureStepSequence = Sequence()
    ds.PerformedProcedureCodeSequence = Sequence()
    ds.CompletionFlag, ds.VerificationFlag = "COMPLETE", "UNVERIFIED"
    ds.ValueType, ds.ContinuityOfContent = "CONTAINER", "SEPARATE"
    ds.ConceptNameCodeSequence = Sequence(
        [part10.code("18748-4", "LN", "Diagnostic imaging report")]
    )
    text = Dataset()
    text.RelationshipType, text.ValueType = "CONTAINS", "TEXT"
    text.ConceptNameCodeSequence = Sequence([part10.code("121071", "DCM", "Finding")])
    text.TextValue = "No acute finding."
    ds.ContentSequence = Sequence([text])
    return (SampleFile("report.dcm", part10.encode(ds)),)
