"""What the report and the study say, in the words and codes a reader meets."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from fhir.resources.R4B import get_fhir_model_class
from tests.core.fhir.cases import (
    ANOMALY,
    DOCUMENT,
    NEW,
    NODULE,
    STORE,
    STUDY_UID,
    ct_analysis,
    ct_facts,
    ct_instance,
    nodule_analysis,
    of_type,
    outcome,
    study_findings,
    surroundings,
    transaction,
    transactions,
)

from wetread.core.alerts.rules import alert_rules, review_due_seconds
from wetread.core.dicom.names import ResultKind, result_names
from wetread.core.fhir.conclusion import (
    DISCLAIMER,
    NOTHING_FOUND,
    SIGNED_REPORT,
    conclusion_lines,
)
from wetread.core.fhir.identifiers import (
    PREDECESSOR_EXTENSION,
    REGION_EXTENSION,
    Identifier,
    study_identifier,
)
from wetread.core.fhir.imaging_study import INSTANCE_LIMIT, imaging_study
from wetread.core.fhir.study import InstanceFacts, SeriesFacts, StudyFacts, study_facts
from wetread.core.findings import AnalysisName, AnalysisSource
from wetread.core.terminology import concept, finding_concept, system, terminology
from wetread.core.version import VERSION

DEFINITIONS = Path(__file__).parents[3] / "docs" / "reference" / "fhir"


def definition(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((DEFINITIONS / f"{name}.json").read_text("utf-8"))
    return loaded


def test_the_conclusion_counts_every_instance() -> None:
    lines = conclusion_lines(
        study_findings(ct_analysis(ANOMALY), outcomes=(outcome(9, "truncated"),))
    )
    assert lines[0] == DISCLAIMER
    assert "4 instances arrived: 2 analysed, 1 skipped, 0 unsupported, 1 quarantined." in lines
    assert "1 quarantined: The file ends before its content does." in lines


def test_no_candidate_is_not_a_clean_bill() -> None:
    assert NOTHING_FOUND in conclusion_lines(study_findings(ct_analysis()))


def test_the_conclusion_names_findings_with_their_size_and_what_was_not_found() -> None:
    (line,) = (x for x in conclusion_lines(study_findings(nodule_analysis(NODULE))) if "to be" in x)
    assert line == "1 finding to be confirmed: Pulmonary nodule 8.1 mm, score 0.91 (image 2)."
    nothing = conclusion_lines(study_findings(nodule_analysis()))
    assert NOTHING_FOUND in nothing
    assert "Looked for and not found: pulmonary nodule." in nothing
    assert any("3 images looked at by phantom-nodule 1." in line for line in nothing)


def test_the_conclusion_says_where_text_was_masked_or_kept_images_here() -> None:
    (line,) = (x for x in conclusion_lines(study_findings(ct_analysis())) if "looked at" in x)
    assert "text" not in line
    analysis = replace(ct_analysis(), masked_images=2, masked_regions=7, withheld_images=1)
    (line,) = (x for x in conclusion_lines(study_findings(analysis)) if "looked at" in x)
    assert "Burned-in text was masked in 2 images." in line
    assert "1 image not sent because of burned-in text." in line


def test_an_empty_plan_says_why() -> None:
    lines = conclusion_lines(
        study_findings(outcomes=(outcome(1, "no-pixel-data"), outcome(2, "no-pixel-data")))
    )
    assert "Nothing to analyse, because 2 skipped: The instance holds no image." in lines


def test_nothing_at_all_says_so() -> None:
    lines = conclusion_lines(study_findings())
    assert "Nothing to analyse, because no instance of the study arrived." in lines


def test_missing_analyses_are_named() -> None:
    lines = conclusion_lines(
        study_findings(
            outcomes=(outcome(1, "analysis-missing"), outcome(2, "analysis-missing")),
            missing=(AnalysisName("series-2", "vision"), AnalysisName("series-1", "x")),
        )
    )
    assert "No analysis has succeeded yet." in lines
    assert (
        "Incomplete: 2 analyses (series-1 x, series-2 vision) not done yet; 2 instances not looked"
        " at. The report is completed when they are." in lines
    )


def test_a_study_without_stored_instances_is_registered() -> None:
    study = imaging_study(STUDY_UID, StudyFacts(), surroundings(study_findings(), StudyFacts()))
    assert study["status"] == "registered"
    assert (study["numberOfSeries"], study["numberOfInstances"]) == (0, 0)


def test_a_modality_dicom_does_not_define_is_not_repeated() -> None:
    facts = study_facts([ct_instance(1, x00080060="Wetherby^Quentin")])
    study = imaging_study(STUDY_UID, facts, surroundings(study_findings(), facts))
    assert study["series"][0]["modality"]["code"] == "OTH"
    assert "Wetherby" not in json.dumps(study)


def test_conditions_are_legal_urls() -> None:
    assert (
        study_identifier("1.2.3").conditional_url("ImagingStudy")
        == "ImagingStudy?identifier=urn:dicom:uid%7Curn:oid:1.2.3"
    )


@pytest.mark.parametrize("number", ["A,B", "A|B", "$A", "A\\", "A&identifier=B", "É+#?%"])
def test_a_patient_number_is_searched_for_as_it_is(number: str) -> None:
    url = Identifier("urn:oid:1.2", number).conditional_url("Patient")
    ((name, criterion),) = parse_qsl(url.partition("?")[2])
    assert name == "identifier"
    assert re.split(r"(?<!\\)[|,]", criterion)[0] == "urn:oid:1.2"
    assert len(re.findall(r"(?<!\\)(?:\\\\)*[|,$]", criterion)) == 1
    assert re.sub(r"\\(.)", r"\1", criterion) == f"urn:oid:1.2|{number}"


def test_the_published_extension_is_the_one_written() -> None:
    profile = definition("StructureDefinition-image-region")
    assert profile["url"] == REGION_EXTENSION
    defined = {
        element["sliceName"] for element in profile["snapshot"]["element"] if "sliceName" in element
    }
    observation = transactions()["findings"]["entry"][1]["resource"]
    (extension,) = observation["extension"]
    assert extension["url"] == REGION_EXTENSION
    assert {part["url"] for part in extension["extension"]} == defined


def test_the_published_predecessor_is_the_one_written() -> None:
    profile = definition("StructureDefinition-predecessor")
    assert profile["url"] == PREDECESSOR_EXTENSION
    (value,) = (e for e in profile["snapshot"]["element"] if e["path"] == "Extension.value[x]")
    (extension,) = of_type(transactions()["beside_a_signed_report"], "DiagnosticReport")[0][
        "extension"
    ]
    assert {f"value{kind['code']}" for kind in value["type"]} == set(extension) - {"url"}


@pytest.mark.parametrize("path", sorted(DEFINITIONS.iterdir()), ids=lambda path: path.stem)
def test_what_is_published_is_r4(path: Path) -> None:
    published = json.loads(path.read_text("utf-8"))
    get_fhir_model_class(published["resourceType"]).model_validate(published)


def test_the_published_codes_are_those_of_the_table() -> None:
    published = definition("CodeSystem-ai-result")
    assert published["url"] == system("wetread")
    assert {(c["code"], c["display"]) for c in published["concept"]} == {
        (c.code, c.display) for c in terminology().all_concepts() if c.system == system("wetread")
    }


def test_the_report_is_of_the_study_that_its_modality_and_body_part_make() -> None:
    def code(name: str) -> str:
        (report,) = of_type(transactions()[name], "DiagnosticReport")
        return str(report["code"]["coding"][0]["code"])

    assert code("candidates") == "24627-2"
    assert code("nothing_stored") == "18748-4"
    assert ct_facts().body_parts == ("CHEST",)


def written(resource_type: str, **changes: Any) -> dict[str, Any]:
    findings = changes.pop("findings", study_findings(nodule_analysis(NODULE)))
    return of_type(transaction(findings, **changes), resource_type)[0]


def conclusion(**changes: Any) -> list[str]:
    return str(written("DiagnosticReport", **changes)["conclusion"]).split("\n")


def test_whom_and_what_the_record_does_not_know_is_said() -> None:
    lines = conclusion()
    assert any(line.startswith("Patient not found") for line in lines)
    assert any(line.startswith("Order not found: no single order") for line in lines)
    anonymous = study_facts([ct_instance(1, x00100020=None, x00080050=None)])
    lines = conclusion(facts=anonymous)
    assert any(line.startswith("Patient not identified") for line in lines)
    assert "Order not found: no stored image has an accession number." in lines
    lines = conclusion(patient_id="p-1", service_request="ServiceRequest/r-1")
    assert not [line for line in lines if "not found" in line or "not identified" in line]


def test_an_order_and_a_patient_that_are_found_are_referred_to() -> None:
    found = {"patient_id": "p-1", "service_request": "ServiceRequest/r-1"}
    for resource_type in ("ImagingStudy", "DiagnosticReport", "Task"):
        assert written(resource_type, **found)["basedOn"] == [{"reference": "ServiceRequest/r-1"}]
    assert written("Observation", **found)["subject"] == {"reference": "Patient/p-1"}
    assert written("Task", **found)["for"] == {"reference": "Patient/p-1"}


def test_a_report_beside_a_signed_one_says_so_first_and_names_its_predecessor() -> None:
    beside = replace(NEW, edition=1, predecessor="DiagnosticReport/d-0", signed=("x",))
    assert conclusion(filing=beside)[:2] == [DISCLAIMER, SIGNED_REPORT]
    (extension,) = written("DiagnosticReport", filing=beside)["extension"]
    assert extension["url"] == PREDECESSOR_EXTENSION
    assert extension["valueReference"] == {"reference": "DiagnosticReport/d-0"}
    entity = written("Provenance", filing=beside)["entity"][-1]
    assert entity == {"role": "revision", "what": {"reference": "DiagnosticReport/d-0"}}
    reason = written("Task", filing=beside)["reasonCode"]
    assert reason == concept("signed-report-exists").codeable()


def test_what_is_absent_is_said_with_its_best_score() -> None:
    absent = written("Observation", findings=study_findings(nodule_analysis()))
    assert absent["code"]["coding"][0] == finding_concept("pulmonary-nodule").coding()
    assert absent["valueCodeableConcept"] == concept("absent").codeable()
    assert [c["valueQuantity"]["value"] for c in absent["component"]] == [0.12, 0.5]
    assert "extension" not in absent, "what is absent is nowhere"
    report = written("DiagnosticReport", findings=study_findings(nodule_analysis()))
    assert "conclusionCode" not in report


def test_a_candidate_is_where_its_series_is_and_a_finding_at_its_own_site() -> None:
    candidate = written("Observation", findings=study_findings(ct_analysis(ANOMALY)))
    assert candidate["bodySite"]["text"] == "Chest"
    assert (
        written("Media", findings=study_findings(ct_analysis(ANOMALY)))["bodySite"]
        == (candidate["bodySite"])
    )
    assert written("Observation")["bodySite"]["text"] == "Lung"
    unknown = study_facts([ct_instance(1, x00180015="ELSEWHERE")])
    found = study_findings(ct_analysis(ANOMALY))
    assert "bodySite" not in written("Observation", findings=found, facts=unknown)


@pytest.mark.parametrize(
    ("score", "priority", "due", "is_critical"),
    [
        (0.95, "stat", "2026-11-22T08:36:30Z", True),
        (0.6, "routine", "2026-11-29T08:21:30Z", False),
    ],
)
def test_only_what_raises_the_most_urgent_alert_is_critical(
    score: float, priority: str, due: str, is_critical: bool
) -> None:
    pneumothorax = replace(NODULE, code="pneumothorax", score=score, measurements=())
    found = {"findings": study_findings(nodule_analysis(pneumothorax))}
    critical = [concept("critical-abnormal").codeable()] if is_critical else None
    assert written("Observation", **found).get("interpretation") == critical
    task = written("Task", **found)
    assert (task["priority"], task["restriction"]["period"]["end"]) == (priority, due)


def test_no_alert_waits_longer_than_a_result_without_one() -> None:
    assert review_due_seconds() >= max(rule.category.due_seconds for rule in alert_rules())


def test_the_whole_report_can_be_had_in_dicom_and_as_a_document() -> None:
    report = written("DiagnosticReport", document=DOCUMENT)
    dicom, html = report["presentedForm"]
    names = {name.kind: name for name in result_names(STUDY_UID, nodule_analysis(NODULE))}
    assert dicom["contentType"] == "application/dicom"
    assert dicom["url"].startswith(f"{STORE}/dicomWeb/studies/{STUDY_UID}/series/")
    assert dicom["url"].endswith(names[ResultKind.STRUCTURED_REPORT].sop_instance_uid)
    binary = written("Binary", document=DOCUMENT)
    assert html["url"] == f"Binary/{binary['id']}"
    assert html["size"] == len(DOCUMENT)
    assert base64.b64decode(binary["data"]) == DOCUMENT
    assert binary["securityContext"]["reference"].startswith("urn:uuid:")
    key_image = written("Media", document=DOCUMENT)
    assert names[ResultKind.KEY_IMAGE].sop_instance_uid in key_image["content"]["url"]
    assert "not for clinical use" in report["media"][0]["comment"]


def test_the_origin_names_code_settings_models_weights_and_inputs() -> None:
    source = AnalysisSource("m", "2", "a" * 64, "4711", "sha256:" + "b" * 64, "host/i@sha256:c")
    analysis = replace(nodule_analysis(NODULE), source=source)
    origin = written("Provenance", findings=study_findings(analysis))
    assert origin["policy"] == [
        f"urn:wetread:version:{VERSION}",
        f"urn:wetread:settings:{'b' * 64}",
        f"urn:wetread:analysis:phantom-nodule:settings:{'a' * 64}",
        "urn:wetread:analysis:phantom-nodule:deployed-model:4711",
        f"urn:wetread:analysis:phantom-nodule:weights:sha256:{'b' * 64}",
        "urn:wetread:analysis:phantom-nodule:container:host/i@sha256:c",
    ]
    agents = [(a["type"]["text"], a["who"]["reference"]) for a in origin["agent"]]
    assert agents == [("Assembler", "Device/wetread"), ("Performer", "Device/m-1")]
    assert origin["entity"][1]["what"]["identifier"]["value"] == "a" * 64


def test_a_study_with_too_many_instances_still_counts_them() -> None:
    """And it passes the gate: a report that no series is missing from is worth more than none."""
    instances = tuple(InstanceFacts(f"2.25.{n}", "1.2") for n in range(INSTANCE_LIMIT + 1))
    facts = StudyFacts(series=(SeriesFacts("2.25.1", "CT", instances=instances),))
    study = written("ImagingStudy", facts=facts)
    assert study["numberOfInstances"] == INSTANCE_LIMIT + 1
    assert "instance" not in study["series"][0]
