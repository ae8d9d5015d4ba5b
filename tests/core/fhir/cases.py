"""Studies whose transactions are kept in ``golden/``.

After an intended change, write them again with ``python -m tests.core.fhir.cases`` (``plugins`` on
PYTHONPATH) and review the difference.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from wetread.core.fhir.bundle import build_transaction
from wetread.core.fhir.filing import Filing
from wetread.core.fhir.identifiers import report_identifier
from wetread.core.fhir.study import StudyFacts, study_facts
from wetread.core.fhir.subject import subject_reference
from wetread.core.fhir.surroundings import Surroundings
from wetread.core.findings import (
    Absence,
    AnalysisFindings,
    AnalysisName,
    AnalysisSource,
    Candidate,
    CandidateKind,
    Finding,
    ImageLabel,
    ImageReference,
    InstanceOutcome,
    Measurement,
    Region,
    StudyFindings,
    best_outcomes,
)

GOLDEN = Path(__file__).parent / "golden"
STUDY_UID = "2.25.1001"
CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
STUDY_KEY = "k1-abcdefghijklmnopqrstuvwxyz"
PATIENT_NAME = "Wetherby^Quentin"
SOURCE = AnalysisSource("cloud-vision", "v1", "5e77" * 16)

_VR = {
    "00080021": "DA",
    "00080031": "TM",
    "00080051": "SQ",
    "0008103E": "LO",
    "00200060": "CS",
    "00200062": "CS",
    "00080016": "UI",
    "00080018": "UI",
    "00080020": "DA",
    "00080030": "TM",
    "00080050": "SH",
    "00080060": "CS",
    "00080070": "LO",
    "00080201": "SH",
    "00081030": "LO",
    "00100010": "PN",
    "00100020": "LO",
    "00100021": "LO",
    "00100024": "SQ",
    "00180015": "CS",
    "0020000D": "UI",
    "0020000E": "UI",
    "00200011": "IS",
    "00200013": "IS",
    "00400032": "UT",
    "00400033": "CS",
}


def dicom_json(**values: Any) -> dict[str, Any]:
    """Return one instance's metadata; keyword ``x00100020`` gives the element (0010,0020)."""
    return {
        name.removeprefix("x"): {
            "vr": _VR[name.removeprefix("x")],
            **({} if value is None else {"Value": [value]}),
        }
        for name, value in values.items()
    }


def ct_instance(number: int, **changes: Any) -> dict[str, Any]:
    """Return the metadata of one slice of the sample chest CT."""
    values = {
        "x00080016": CT_IMAGE,
        "x00080018": f"{STUDY_UID}.1.{number}",
        "x00080020": "20261122",
        "x00080030": "081500.25",
        "x00080050": "A-778",
        "x00080060": "CT",
        "x00080070": "Example Scanners",
        "x00080201": "+0100",
        "x00081030": "CT chest & <abdomen>",
        "x00100010": {"Alphabetic": PATIENT_NAME},
        "x00100020": "PAT-1",
        "x00100021": "Hospital A",
        "x00180015": "CHEST",
        "x0020000D": STUDY_UID,
        "x0020000E": f"{STUDY_UID}.1",
        "x00200011": 2,
        "x00200013": number,
    }
    return dicom_json(**{**values, **changes})


def ct_image(number: int) -> ImageReference:
    return ImageReference(f"{STUDY_UID}.1", f"{STUDY_UID}.1.{number}", CT_IMAGE, number)


def outcome(number: int, reason: str, series: int = 1) -> InstanceOutcome:
    return InstanceOutcome(f"{STUDY_UID}.{series}.{number}", f"{STUDY_UID}.{series}", reason)


def ct_analysis(*candidates: Candidate) -> AnalysisFindings:
    return AnalysisFindings(
        row_id="series-1",
        analysis_id="vision",
        series_instance_uid=f"{STUDY_UID}.1",
        modality="CT",
        source=SOURCE,
        created_at="2026-11-22T08:21:10Z",
        candidates=candidates,
        labels=(ImageLabel("radiograph", 0.9),),
        outcomes=(outcome(1, "analysed"), outcome(2, "not-sampled"), outcome(3, "analysed")),
        images=2,
        vision_units=4,
        remarks=("window-header",),
    )


ANOMALY = Candidate(
    CandidateKind.ANOMALY, "Bright region", 0.93, ct_image(3), Region(0.1, 0.25, 0.3, 0.05)
)
OBJECT = Candidate(CandidateKind.OBJECT, "Bone", 0.41, ct_image(1))
NODULE = Finding(
    code="pulmonary-nodule",
    score=0.91,
    threshold=0.5,
    image=ct_image(2),
    region=Region(0.4, 0.5, 0.02, 0.02),
    point_mm=(-61.25, 12.5, 80.0),
    measurements=(Measurement("diameter", 8.1, "mm"),),
)


def nodule_analysis(*findings: Finding) -> AnalysisFindings:
    return AnalysisFindings(
        row_id="series-1",
        analysis_id="phantom-nodule",
        series_instance_uid=f"{STUDY_UID}.1",
        modality="CT",
        source=AnalysisSource("phantom-nodule", "1", "5e78" * 16, "4711", "sha256:" + "c0" * 32),
        created_at="2026-11-22T08:21:12Z",
        is_specialised=True,
        findings=findings,
        absences=() if findings else (Absence("pulmonary-nodule", 0.12, 0.5),),
        outcomes=tuple(outcome(number, "analysed") for number in (1, 2, 3)),
        images=3,
    )


def study_findings(
    *analyses: AnalysisFindings,
    outcomes: tuple[InstanceOutcome, ...] = (),
    missing: tuple[AnalysisName, ...] = (),
) -> StudyFindings:
    analysed = tuple(best_outcomes(analyses).values())
    return StudyFindings(
        study_key=STUDY_KEY,
        version=1,
        study_instance_uid=STUDY_UID,
        manifest_digest="a" * 64,
        settings_digest="b" * 64,
        created_at="2026-11-22T08:21:30Z",
        analyses=analyses,
        outcomes=analysed + outcomes,
        missing=missing,
    )


def ct_facts() -> StudyFacts:
    return study_facts([ct_instance(number) for number in (3, 1, 2)])


REPORT_ID = "4e907" * 6
REPORT = report_identifier(REPORT_ID)
NEW = Filing(REPORT, edition=0)
STORE = "https://healthcare.googleapis.com/v1/projects/p/locations/l/datasets/d/dicomStores/s"
DOCUMENT = b"<!doctype html><title>Preliminary. Not for clinical use.</title>"


def surroundings(
    findings: StudyFindings, facts: StudyFacts, patient_id: str | None = None, **changes: Any
) -> Surroundings:
    """Return what was found around a study: all of it but the patient and the order."""
    sources = dict.fromkeys(a.source.identity for a in findings.analyses)
    found: dict[str, Any] = {
        "subject": subject_reference(findings, facts, *filter(None, [patient_id])),
        "devices": {identity: f"Device/m-{n}" for n, identity in enumerate(sources, 1)},
        "assembler": "Device/wetread",
        "organization": "Organization/o-1",
        "endpoint": "Endpoint/e-1",
        "service_request": None,
        "dicomweb_url": f"{STORE}/dicomWeb",
        "due_seconds": 604_800,
    }
    return Surroundings(**{**found, **changes})


def transaction(
    findings: StudyFindings,
    facts: StudyFacts | None = None,
    filing: Filing = NEW,
    document: bytes | None = None,
    *,
    anomaly_threshold: float | None = 0.8,
    **changes: Any,
) -> dict[str, Any]:
    """Return the transaction of a study in the usual surroundings, but for ``changes``."""
    known = ct_facts() if facts is None else facts
    return build_transaction(
        findings,
        known,
        surroundings(findings, known, **changes),
        filing,
        document,
        anomaly_threshold=anomaly_threshold,
    )


def of_type(bundle: dict[str, Any], resource_type: str) -> list[dict[str, Any]]:
    """Return a bundle's resources of one type, in their order."""
    resources = [entry["resource"] for entry in bundle["entry"]]
    return [r for r in resources if r["resourceType"] == resource_type]


def transactions() -> dict[str, dict[str, Any]]:
    """Return the transaction of every golden study by its name."""
    return {
        "candidates": transaction(
            study_findings(ct_analysis(ANOMALY, OBJECT)),
            patient_id="p-1",
            service_request="ServiceRequest/r-1",
            document=DOCUMENT,
        ),
        "findings": transaction(study_findings(ct_analysis(OBJECT), nodule_analysis(NODULE))),
        "critical": transaction(
            study_findings(
                nodule_analysis(replace(NODULE, code="pneumothorax", score=0.95, measurements=()))
            )
        ),
        "absences": transaction(study_findings(nodule_analysis())),
        "beside_a_signed_report": transaction(
            study_findings(nodule_analysis(NODULE)),
            filing=Filing(
                report_identifier("4e907" * 6, 1),
                edition=1,
                predecessor="DiagnosticReport/d-0",
                signed=("DiagnosticReport/d-0",),
            ),
        ),
        "missing_analysis": transaction(
            study_findings(
                ct_analysis(OBJECT),
                outcomes=(outcome(1, "analysis-missing", 2), outcome(9, "truncated", 2)),
                missing=(AnalysisName("series-2", "vision"),),
            )
        ),
        "nothing_to_analyse": transaction(
            study_findings(outcomes=(outcome(1, "no-pixel-data"), outcome(2, "no-pixel-data"))),
            study_facts([ct_instance(1), ct_instance(2)]),
        ),
        "nothing_stored": transaction(
            study_findings(outcomes=(outcome(1, "two-patients"), outcome(2, "two-patients"))),
            study_facts([]),
        ),
    }


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for name, bundle in transactions().items():
        (GOLDEN / f"{name}.json").write_text(json.dumps(bundle, indent=2) + "\n", "utf-8")
