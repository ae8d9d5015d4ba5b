"""The page with one whole transaction, as the code makes it of a study that never was."""

from __future__ import annotations

import json

from tools.docs.markdown import code, page

from wetread.core.fhir.bundle import build_transaction
from wetread.core.fhir.directory import endpoint, model_device, organization, wetread_device
from wetread.core.fhir.elements import Resource
from wetread.core.fhir.filing import Filing
from wetread.core.fhir.identifiers import Identifier, report_identifier
from wetread.core.fhir.study import InstanceFacts, SeriesFacts, StudyFacts
from wetread.core.fhir.subject import SubjectReference
from wetread.core.fhir.surroundings import Surroundings
from wetread.core.findings import (
    Absence,
    AnalysisFindings,
    AnalysisSource,
    Finding,
    ImageReference,
    InstanceOutcome,
    Measurement,
    Region,
    StudyFindings,
)

_INTRO = """\
What Wetread writes for a chest CT of three images in which a model found a nodule and no
pneumothorax. [FHIR resources](fhir.md) says what each resource is for. Nothing is of a patient;
digests and ids are those that the code makes of the example."""

_DIRECTORY = """\
## Written once, outside the transaction

Each of these is looked for by its identifier and created if it is not there. None is ever updated:
whatever would change it is part of its identifier."""

_TRANSACTION = """\
## The transaction

`Binary.data` is the readable report in base64, here a single line."""

_UID = "2.25.100"
_CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
_STORE = "https://healthcare.googleapis.com/v1/projects/p/locations/l/datasets/imaging"
_DICOMWEB = f"{_STORE}/dicomStores/studies/dicomWeb"
_MODEL = AnalysisSource(
    name="lung-nodule",
    version="1.4.2",
    settings_digest="5e" * 32,
    deployed_model="4711",
    weights_digest=f"sha256:{'c0' * 32}",
    container=f"us-central1-docker.pkg.dev/p/wetread/modelserver@sha256:{'d1' * 32}",
)
_DOCUMENT = b"<!doctype html><title>Preliminary. Not for clinical use.</title>"


def page_text() -> str:
    """Return the page."""
    directory = [
        model_device(_MODEL),
        wetread_device(),
        organization("Example Hospital"),
        endpoint(_DICOMWEB),
    ]
    return page(
        "A FHIR transaction",
        "integration engineers",
        _INTRO,
        _DIRECTORY,
        *(f"### {code(r['resourceType'])}\n\n{_json(r)}" for r in directory),
        _TRANSACTION,
        _json(_transaction()),
    )


def _transaction() -> Resource:
    return build_transaction(
        _findings(), _facts(), _surroundings(), Filing(report_identifier("7e" * 16), 0), _DOCUMENT
    )


def _findings() -> StudyFindings:
    nodule = Finding(
        code="pulmonary-nodule",
        score=0.87,
        threshold=0.5,
        image=ImageReference(f"{_UID}.1", f"{_UID}.1.2", _CT_IMAGE, instance_number=2),
        region=Region(0.43, 0.39, 0.08, 0.08),
        point_mm=(-61.2, 12.5, 80.0),
        measurements=(Measurement("diameter", 8.4, "mm"),),
    )
    analysis = AnalysisFindings(
        row_id="01",
        analysis_id="lung-nodule",
        series_instance_uid=f"{_UID}.1",
        modality="CT",
        source=_MODEL,
        created_at="2026-11-22T08:21:10Z",
        is_specialised=True,
        findings=(nodule,),
        absences=(Absence("pneumothorax", 0.04, 0.5),),
        outcomes=tuple(
            InstanceOutcome(f"{_UID}.1.{number}", f"{_UID}.1", "analysed") for number in (1, 2, 3)
        ),
        images=3,
    )
    return StudyFindings(
        study_key=f"k1-{'a' * 26}",
        version=1,
        study_instance_uid=_UID,
        manifest_digest="a0" * 32,
        settings_digest="b0" * 32,
        created_at=analysis.created_at,
        analyses=(analysis,),
        outcomes=analysis.outcomes,
    )


def _facts() -> StudyFacts:
    instances = tuple(InstanceFacts(f"{_UID}.1.{n}", _CT_IMAGE, n) for n in (1, 2, 3))
    series = SeriesFacts(
        f"{_UID}.1",
        modality="CT",
        number=2,
        body_part="CHEST",
        started="2026-11-22T08:15:30+01:00",
        instances=instances,
    )
    return StudyFacts(
        study_instance_uid=_UID,
        started="2026-11-22T08:15:00+01:00",
        description="CT chest",
        accession=Identifier("urn:oid:2.16.840.1.113883.19.1", "A-778"),
        patient=Identifier("urn:oid:2.16.840.1.113883.19.5", "EXAMPLE-1"),
        series=(series,),
    )


def _surroundings() -> Surroundings:
    return Surroundings(
        subject=SubjectReference("Patient/example", _facts().patient),
        devices={_MODEL.identity: "Device/lung-nodule-1-4-2"},
        assembler="Device/wetread",
        organization="Organization/example-hospital",
        endpoint="Endpoint/images",
        service_request="ServiceRequest/example",
        dicomweb_url=_DICOMWEB,
        due_seconds=604_800,
    )


def _json(resource: Resource) -> str:
    return f"```json\n{json.dumps(resource, indent=2, ensure_ascii=False)}\n```"
