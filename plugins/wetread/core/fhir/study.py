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
from wetread.core.fhir.identifiers import PATIENT_SYSTEM, Identifier
from wetread.core.fhir.times import dicom_datetime

_Value = TypeVar("_Value", str, int)
_LARGEST_UNSIGNED_INT: Final = 2**31 - 1
"""FHIR R4, datatype unsignedInt."""

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
    """One stored series and its instances, in the order of their numbers."""

    series_instance_uid: str
    modality: str | None = None
    number: int | None = None
    body_part: str | None = None
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
    accession_number: str | None = None
    patient: Identifier | None = None
    series: tuple[SeriesFacts, ...] = ()

    @property
    def modalities(self) -> tuple[str, ...]:
        return tuple(sorted({s.modality for s in self.series if s.modality}))

    @property
    def body_parts(self) -> tuple[str, ...]:
        return tuple(sorted({s.body_part for s in self.series if s.body_part}))

    @property
    def instance_count(self) -> int:
        return sum(len(series.instances) for series in self.series)


def study_facts(metadata: Sequence[Metadata]) -> StudyFacts:
    """Read the answer to a DICOMweb "retrieve study metadata", whatever the order of its instances.

    Objects that Wetread stored are left out, so that its results do not change the study they are
    about. Where instances disagree on the study, the most frequent value counts.
    """
    instances = [
        instance for instance in metadata if _text(instance, "Manufacturer") != MANUFACTURER
    ]
    patients = {patient for instance in instances if (patient := _patient(instance))}
    return StudyFacts(
        study_instance_uid=_most_frequent(_text(i, "StudyInstanceUID") for i in instances),
        started=_most_frequent(_started(i) for i in instances),
        description=_most_frequent(_text(i, "StudyDescription") for i in instances),
        accession_number=_most_frequent(_text(i, "AccessionNumber") for i in instances),
        patient=patients.pop() if len(patients) == 1 else None,
        series=_series(instances),
    )


def _series(metadata: Iterable[Metadata]) -> tuple[SeriesFacts, ...]:
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


def _order(number: int | None, uid: str) -> tuple[bool, int, str]:
    return number is None, number or 0, uid


def _started(instance: Metadata) -> str | None:
    return dicom_datetime(
        _text(instance, "StudyDate"),
        _text(instance, "StudyTime"),
        _text(instance, "TimezoneOffsetFromUTC"),
    )


def _patient(instance: Metadata) -> Identifier | None:
    """Name the patient by ID and issuer: an ID is unique at its issuer only (PS3.3 C.2.2)."""
    value = _text(instance, "PatientID")
    if value is None:
        return None
    qualifiers = _first(instance, "IssuerOfPatientIDQualifiersSequence")
    if isinstance(qualifiers, Mapping) and _text(qualifiers, "UniversalEntityIDType") == "ISO":
        oid = _text(qualifiers, "UniversalEntityID")
        if oid:
            return Identifier(f"urn:oid:{oid}", value)
    issuer = _text(instance, "IssuerOfPatientID")
    return Identifier(
        f"{PATIENT_SYSTEM}/{quote(issuer, safe='')}" if issuer else PATIENT_SYSTEM, value
    )


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
