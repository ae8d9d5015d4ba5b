"""What the report and the study say, in the words and codes a reader meets."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from tests.core.fhir.cases import (
    ANOMALY,
    NODULE,
    STUDY_UID,
    ct_analysis,
    ct_facts,
    ct_instance,
    nodule_analysis,
    outcome,
    study_findings,
    transactions,
)

from wetread.core.fhir.conclusion import DISCLAIMER, NOTHING_FOUND, conclusion_lines
from wetread.core.fhir.identifiers import REGION_EXTENSION, Identifier, study_identifier
from wetread.core.fhir.imaging_study import imaging_study
from wetread.core.fhir.study import StudyFacts, study_facts
from wetread.core.fhir.subject import SubjectReference
from wetread.core.findings import AnalysisName
from wetread.core.terminology import system, terminology

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
    study = imaging_study(STUDY_UID, StudyFacts(), SubjectReference())
    assert study["status"] == "registered"
    assert (study["numberOfSeries"], study["numberOfInstances"]) == (0, 0)


def test_a_modality_dicom_does_not_define_is_not_repeated() -> None:
    facts = study_facts([ct_instance(1, x00080060="Wetherby^Quentin")])
    study = imaging_study(STUDY_UID, facts, SubjectReference())
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


def test_the_published_codes_are_those_of_the_table() -> None:
    published = definition("CodeSystem-ai-result")
    assert published["url"] == system("wetread")
    assert {(c["code"], c["display"]) for c in published["concept"]} == {
        (c.code, c.display)
        for c in terminology().concepts.values()
        if c.system == system("wetread")
    }


def test_the_report_is_of_the_study_that_its_modality_and_body_part_make() -> None:
    def code(name: str) -> str:
        report = transactions()[name]["entry"][-1]["resource"]
        return str(report["code"]["coding"][0]["code"])

    assert code("candidates") == "24627-2"
    assert code("nothing_stored") == "18748-4"
    assert ct_facts().body_parts == ("CHEST",)
