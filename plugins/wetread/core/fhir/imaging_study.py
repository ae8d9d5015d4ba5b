"""The study itself: which series and instances the results are about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from wetread.core.fhir.elements import (
    Resource,
    counted,
    narrative,
    reference,
    without_absent,
)
from wetread.core.fhir.identifiers import study_identifier
from wetread.core.fhir.study import InstanceFacts, SeriesFacts, StudyFacts
from wetread.core.fhir.subject import SubjectReference
from wetread.core.fhir.surroundings import Surroundings
from wetread.core.terminology import (
    body_part_concept,
    concept,
    modality_concept,
    procedure_concept,
    public_modalities,
    system,
)

INSTANCE_LIMIT: Final = 20_000
"""A study with more names its series and counts their instances: each name takes 200 bytes of a
resource that may have 10 MB (Healthcare API, "Quotas and limits")."""

_LATERALITY: Final = {"R": "right", "L": "left", "B": "right-and-left"}
"""DICOM's Laterality (0020,0060) and Image Laterality (0020,0062)."""

_WRITTEN: Final = frozenset(
    {
        "resourceType",
        "id",
        "meta",
        "text",
        "identifier",
        "status",
        "modality",
        "subject",
        "started",
        "basedOn",
        "endpoint",
        "numberOfSeries",
        "numberOfInstances",
        "procedureCode",
        "description",
        "series",
    }
)
"""The elements that are Wetread's to write, or the store's; others are left as they are."""

_LABELS: Final = ("profile", "security", "tag")
"""What people put on a resource; the rest of its ``meta`` is the store's."""

_NOTICE: Final = "AI results about it are not for clinical use."


def imaging_study(
    study_instance_uid: str, facts: StudyFacts, surroundings: Surroundings
) -> Resource:
    """Return the ImagingStudy of what the DICOM store holds, complete to the instance.

    A study none of whose instances is stored is "registered: nothing yet available" rather than
    "cancelled": its images exist, and a corrected folder makes them available (FHIR R4, value set
    imagingstudy-status).
    """
    modalities = {m.code: m for m in (modality_concept(s.modality) for s in facts.series)}
    has_instances = facts.instance_count > 0
    names_instances = facts.instance_count <= INSTANCE_LIMIT
    order, endpoint = surroundings.service_request, surroundings.endpoint
    return without_absent(
        {
            "resourceType": "ImagingStudy",
            "text": narrative([_summary(facts), _NOTICE]),
            "identifier": [study_identifier(study_instance_uid).as_fhir(), *_accession(facts)],
            "status": "available" if has_instances else "registered",
            "modality": [modalities[code].coding() for code in sorted(modalities)],
            "subject": surroundings.subject.as_fhir(),
            "started": facts.started,
            "basedOn": [reference(order)] if order else None,
            "endpoint": [reference(endpoint)] if endpoint and has_instances else None,
            "numberOfSeries": len(facts.series),
            "numberOfInstances": facts.instance_count,
            "procedureCode": [procedure_concept(facts.modalities, facts.body_parts).codeable()],
            "description": facts.description,
            "series": [_series(s, names_instances=names_instances) for s in facts.series],
        }
    )


def registered_study(study_instance_uid: str) -> Resource:
    """Return the ImagingStudy before its first transaction, which is bound to its version."""
    return {
        "resourceType": "ImagingStudy",
        "text": narrative(["Imaging study; its instances are not listed yet.", _NOTICE]),
        "identifier": [study_identifier(study_instance_uid).as_fhir()],
        "status": "registered",
        "subject": SubjectReference().as_fhir(),
    }


def with_what_others_wrote(study: Resource, stored: Mapping[str, Any]) -> Resource:
    """Return the study with what other systems wrote into the resource that it replaces.

    An ImagingStudy may be kept by several, and an update replaces all of it: their notes, referrer
    and interpreter stay, and so do labels and the numbers of other systems.
    """
    systems = {one["system"] for one in study["identifier"]}
    labels = {name: stored["meta"][name] for name in _LABELS if name in stored.get("meta", {})}
    theirs = [one for one in stored.get("identifier", []) if one.get("system") not in systems]
    return without_absent(
        {
            **{name: value for name, value in stored.items() if name not in _WRITTEN},
            **study,
            "meta": labels,
            "identifier": [*study["identifier"], *theirs],
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
    if not facts.accession:
        return []
    return [{"type": concept("accession-number").codeable(), **facts.accession.as_fhir()}]


def _series(series: SeriesFacts, *, names_instances: bool) -> Resource:
    body_part = body_part_concept(series.body_part)
    side = _LATERALITY.get(series.laterality or "")
    return without_absent(
        {
            "uid": series.series_instance_uid,
            "number": series.number,
            "modality": modality_concept(series.modality).coding(),
            "description": series.description,
            "numberOfInstances": len(series.instances),
            "bodySite": body_part.coding() if body_part else None,
            "laterality": concept(side).coding() if side else None,
            "started": series.started,
            "instance": [_instance(i) for i in series.instances] if names_instances else None,
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
