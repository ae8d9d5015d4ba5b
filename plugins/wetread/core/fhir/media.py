"""Key images as Media: pictures with the findings drawn on them, for readers without a viewer."""

from __future__ import annotations

from wetread.core.dicom.names import ResultName
from wetread.core.fhir.elements import AI_RESULT, Resource, narrative, reference, without_absent
from wetread.core.fhir.identifiers import Identifier
from wetread.core.fhir.surroundings import Surroundings
from wetread.core.findings import AnalysisFindings
from wetread.core.terminology import Concept, concept, modality_concept

CAPTION = "AI key image, preliminary, not for clinical use"


def media(
    identifier: Identifier,
    study_instance_uid: str,
    analysis: AnalysisFindings,
    key_image: ResultName,
    surroundings: Surroundings,
    *,
    body_part: Concept | None,
) -> Resource:
    """Return the Media of an analysis' key image.

    The picture stays in the DICOM store, which renders it (PS3.18 section 10.4.1.1.3, rendered
    resources); DICOM's UIDs name it as FHIR R4's Media, "Notes", asks.
    """
    source = analysis.source
    instance_url = surroundings.instance_url(
        study_instance_uid, key_image.series_instance_uid, key_image.sop_instance_uid
    )
    return without_absent(
        {
            "resourceType": "Media",
            "text": narrative([f"Key image of {source.name} {source.version}.", f"{AI_RESULT}."]),
            "identifier": [identifier.as_fhir()],
            "status": "completed",
            "type": concept("media-image").codeable(),
            "modality": modality_concept(analysis.modality).codeable(),
            "subject": surroundings.subject.as_fhir(),
            "createdDateTime": analysis.created_at,
            "issued": analysis.created_at,
            "bodySite": body_part.codeable() if body_part else None,
            "device": reference(surroundings.device(source)),
            "content": {
                "contentType": "image/jpeg",
                "url": f"{instance_url}/frames/1/rendered",
                "title": CAPTION,
                "creation": analysis.created_at,
            },
            "note": [{"text": f"{AI_RESULT}."}],
        }
    )
