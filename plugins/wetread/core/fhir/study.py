"""What the DICOM store says about a study, without the patient's name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import quote

from pydicom.datadict import tag_for_keyword

from wetread.core.dicom.ownership import MANUFACTURER
from wetread.core.fhir.elements import plain_text
from wetread.core.fhir.identifiers import Identifier
from wetread.core.fhir.site import Site
from wetread.core.fhir.times import dicom_datetime
from wetread.core.identity import UID_PATTERN
from wetread.core.terminology import Concept, body_part_concept

_Value = TypeVar("_Value", str, int, Identifier)
_LARGEST_UNSIGNED_INT: Final = 2**31 - 1
"""FHIR R4, datatype unsignedInt."""

_UNKNOWN_SITE: Final = Site()

Metadata = Mapping[str, Any]
"""One instance in the DICOM JSON model (PS3.18 Annex F)."""


@dataclass(frozen=True)
class InstanceFacts:
    """One stored instance."""

    sop_instance_uid: str
    sop_class_uid: str
    number: int | None = None


@dataclass(frozen=True)
class SeriesFacts:
    """One stored series and its instances, in the order of their numbers.

    ``laterality`` is R, L or B: the one of all its images. ``started`` is a FHIR dateTime.
    """

    series_instance_uid: str
    modality: str | None = None
    number: int | None = None
    body_part: str | None = None
    laterality: str | None = None
    started: str | None = None
    description: str | None = None
    instances: tuple[InstanceFacts, ...] = ()


@dataclass(frozen=True)
class StudyFacts:
    """The stored study; all defaults mean that none of its instances is in the store.

    ``started`` is a FHIR dateTime. ``patient`` is None when the instances name no patient or more
    than one.
    """

    study_instance_uid: str | None = None
    started: str | None = None
    description: str | None = None
    accession: Identifier | None = None
    patient: Identifier | None = None
    series: tuple[SeriesFacts, ...] = ()

    @property
    def accession_number(self) -> str | None:
        return self.accession.value if self.accession else None

    @property
    def modalities(self) -> tuple[str, ...]:
        return tuple(sorted({s.modality for s in self.series if s.modality}))

    @property
    def body_parts(self) -> tuple[str, ...]:
        return tuple(sorted({s.body_part for s in self.series if s.body_part}))

    @property
    def instance_count(self) -> int:
        return sum(len(series.instances) for series in self.series)

    def body_part_of(self, series_instance_uid: str) -> Concept | None:
        """Return what a series shows, if it says so in a word that the table knows."""
        known = (s.body_part for s in self.series if s.series_instance_uid == series_instance_uid)
        return body_part_concept(next(known, None))


def study_facts(metadata: Sequence[Metadata], site: Site = _UNKNOWN_SITE) -> StudyFacts:
    """Read the answer to a DICOMweb "retrieve study metadata", whatever the order of its instances.

    Objects that Wetread stored are left out, so that its results do not change the study they are
    about. Where instances disagree on the study, the most frequent value counts; ``site`` says
    what headers do not.
    """
    instances = [
        instance for instance in metadata if _text(instance, "Manufacturer") != MANUFACTURER
    ]
    patients = {patient for i in instances if (patient := _patient(i, site))}
    return StudyFacts(
        study_instance_uid=_most_frequent(_text(i, "StudyInstanceUID") for i in instances),
        started=_most_frequent(_started(i, "Study", site) for i in instances),
        description=_most_frequent(_text(i, "StudyDescription") for i in instances),
        accession=_most_frequent(_accession(i, site) for i in instances),
        patient=patients.pop() if len(patients) == 1 else None,
        series=_series(instances, site),
    )


def _series(metadata: Iterable[Metadata], site: Site) -> tuple[SeriesFacts, ...]:
    grouped: dict[str, list[Metadata]] = {}
    for instance in metadata:
        if uid := _text(instance, "SeriesInstanceUID"):
            grouped.setdefault(uid, []).append(instance)
    series = (
        SeriesFacts(
            series_instance_uid=uid,
            modality=_most_frequent(_text(i, "Modality") for i in members),
            number=_most_frequent(_number(i, "SeriesNumber") for i in members),
            body_part=_most_frequent(_text(i, "BodyPartExamined") for i in members),
            laterality=_laterality(members),
            started=_most_frequent(_started(i, "Series", site) for i in members),
            description=_most_frequent(_text(i, "SeriesDescription") for i in members),
            instances=_instances(members),
        )
        for uid, members in grouped.items()
    )
    return tuple(sorted(series, key=lambda s: _order(s.number, s.series_instance_uid)))


def _instances(metadata: Iterable[Metadata]) -> tuple[InstanceFacts, ...]:
    instances = {
        InstanceFacts(uid, sop_class, _number(instance, "InstanceNumber"))
        for instance in metadata
        if (uid := _text(instance, "SOPInstanceUID"))
        and (sop_class := _text(instance, "SOPClassUID"))
    }
    return tuple(sorted(instances, key=lambda i: _order(i.number, i.sop_instance_uid)))


def _laterality(metadata: Iterable[Metadata]) -> str | None:
    """Return the side, of the image (0020,0062) or else of the series (0020,0060).

    None where the images are of several sides, or one does not say: the wrong side does harm.
    """
    sides = {_text(i, "ImageLaterality") or _text(i, "Laterality") for i in metadata}
    return sides.pop() if len(sides) == 1 else None


def _order(number: int | None, uid: str) -> tuple[bool, int, str]:
    return number is None, number or 0, uid


def _started(instance: Metadata, level: str, site: Site) -> str | None:
    return dicom_datetime(
        _text(instance, f"{level}Date"),
        _text(instance, f"{level}Time"),
        _text(instance, "TimezoneOffsetFromUTC"),
        site.time_zone,
    )


def _patient(instance: Metadata, site: Site) -> Identifier | None:
    """Name the patient by ID and issuer: an ID is unique at its issuer only (PS3.3 C.2.2)."""
    value = _text(instance, "PatientID")
    if value is None:
        return None
    if oid := _oid(instance, "IssuerOfPatientIDQualifiersSequence"):
        return Identifier(oid, value)
    issuer = _text(instance, "IssuerOfPatientID")
    return Identifier(
        f"{site.patient_system}/{quote(issuer, safe='')}" if issuer else site.patient_system, value
    )


def _accession(instance: Metadata, site: Site) -> Identifier | None:
    """Name the order by its number and issuer (PS3.3 C.7.2.1)."""
    value = _text(instance, "AccessionNumber")
    if value is None:
        return None
    return Identifier(
        _oid(instance, "IssuerOfAccessionNumberSequence") or site.accession_system, value
    )


def _oid(instance: Metadata, keyword: str) -> str | None:
    """Return the OID of an issuer (PS3.3 10.14, HL7v2 Hierarchic Designator), as a FHIR system."""
    issuer = _first(instance, keyword)
    if not isinstance(issuer, Mapping) or _text(issuer, "UniversalEntityIDType") != "ISO":
        return None
    oid = _text(issuer, "UniversalEntityID") or ""
    return f"urn:oid:{oid}" if UID_PATTERN.match(oid) else None


def _first(instance: Metadata, keyword: str) -> Any:
    tag = tag_for_keyword(keyword)
    element = instance.get(f"{tag:08X}")
    values = element.get("Value") if isinstance(element, Mapping) else None
    return values[0] if isinstance(values, Sequence) and values else None


def _text(instance: Metadata, keyword: str) -> str | None:
    value = _first(instance, keyword)
    return plain_text(value) or None if isinstance(value, str) else None


def _number(instance: Metadata, keyword: str) -> int | None:
    """Return an IS value as FHIR's unsignedInt; JSON may carry it as a number or as text."""
    value = _first(instance, keyword)
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if 0 <= number <= _LARGEST_UNSIGNED_INT else None


def _most_frequent(values: Iterable[_Value | None]) -> _Value | None:
    tally = Counter(value for value in values if value is not None)
    return min(tally, key=lambda value: (-tally[value], value), default=None)
