"""Every identifying string of the sample studies, for tests that search for them elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from io import BytesIO

from pydicom import dcmread
from pydicom.errors import InvalidDicomError

from samples.identity import IDENTITIES, Identity
from samples.study import SampleStudy

_UID_KEYWORDS = (
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "SOPInstanceUID",
    "FrameOfReferenceUID",
)


def identifiers(studies: Iterable[SampleStudy]) -> frozenset[str]:
    """Return names, ids, birth dates, accession numbers and instance-level UIDs of ``studies``.

    Names appear whole and in parts, birth dates as DICOM and as FHIR write them.
    """
    found: set[str] = set()
    for study in studies:
        found.update(_of_identity(IDENTITIES[study.name]))
        for file in study.files():
            found.update(_uids(file.content))
    return frozenset(found)


def _of_identity(identity: Identity) -> Iterator[str]:
    for name in (identity.patient_name, identity.referring_physician_name):
        yield name
        yield from name.split("^")
    yield identity.patient_id
    yield identity.accession_number
    date = identity.birth_date
    yield date
    yield f"{date[:4]}-{date[4:6]}-{date[6:]}"


def _uids(content: bytes) -> Iterator[str]:
    try:
        ds = dcmread(BytesIO(content), specific_tags=list(_UID_KEYWORDS))
    except InvalidDicomError:
        return
    for keyword in _UID_KEYWORDS:
        if value := ds.get(keyword):
            yield str(value)
