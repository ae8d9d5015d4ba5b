"""The study itself: which series and instances the results are about."""

from __future__ import annotations

from wetread.core.fhir.elements import Resource, counted, narrative, without_absent
from wetread.core.fhir.identifiers import ACCESSION_SYSTEM, study_identifier
from wetread.core.fhir.study import InstanceFacts, SeriesFacts, StudyFacts
from wetread.core.fhir.subject import SubjectReference
from wetread.core.terminology import (
    body_part_concept,
    concept,
    modality_concept,
    public_modalities,
    system,
)


def imaging_study(
    study_instance_uid: str, facts: StudyFacts, subject: SubjectReference
) -> Resource:
    """Return the ImagingStudy of what the DICOM store holds.

    A study none of whose instances is stored is "registered: nothing yet available" rather than
    "cancelled": its images exist, and a corrected folder makes them available (FHIR R4, value set
    imagingstudy-status).
    """
    modalities = {m.code: m for m in (modality_concept(s.modality) for s in facts.series)}
    return without_absent(
        {
            "resourceType": "ImagingStudy",
            "text": narrative([_summary(facts)]),
            "identifier": [study_identifier(study_instance_uid).as_fhir(), *_accession(facts)],
            "status": "available" if facts.instance_count else "registered",
            "modality": [modalities[code].coding() for code in sorted(modalities)],
            "subject": subject.as_fhir(),
            "started": facts.started,
            "numberOfSeries": len(facts.series),
            "numberOfInstances": facts.instance_count,
            "description": facts.description,
            "series": [_series(series) for series in facts.series],
        }
    )


def _summary(facts: StudyFacts) -> str:
    if not facts.instance_count:
        return "Imaging study; no instance of it is stored."
    modalities = public_modalities(series.modality for series in facts.series)
    return (
        f"Imaging study, {modalities}: {counted(facts.instance_count, 'instance')}"
        f" in {len(facts.series)} series."
    )


def _accession(facts: StudyFacts) -> list[Resource]:
    if not facts.accession_number:
        return []
    return [
        {
            "type": concept("accession-number").codeable(),
            "system": ACCESSION_SYSTEM,
            "value": facts.accession_number,
        }
    ]


def _series(series: SeriesFacts) -> Resource:
    body_part = body_part_concept(series.body_part)
    return without_absent(
        {
            "uid": series.series_instance_uid,
            "number": series.number,
            "modality": modality_concept(series.modality).coding(),
            "numberOfInstances": len(series.instances),
            "bodySite": body_part.coding() if body_part else None,
            "instance": [_instance(instance) for instance in series.instances],
        }
    )


def _instance(instance: InstanceFacts) -> Resource:
    return without_absent(
        {
            "uid": instance.sop_instance_uid,
            "sopClass": {"system": system("uri"), "code": f"urn:oid:{instance.sop_class_uid}"},
            "number": instance.number,
        }
    )
