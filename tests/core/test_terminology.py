"""The table of codes against the standards' own dictionaries."""

from __future__ import annotations

import re
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest
from pydicom.sr._cid_dict import cid_concepts
from pydicom.sr._concepts_dict import concepts

from wetread.core import terminology as module
from wetread.core.terminology import (
    UNKNOWN_MODALITY,
    Concept,
    body_part_concept,
    concept,
    finding_concept,
    modality_concept,
    procedure_concept,
    public_modalities,
    public_modality,
    read_terminology,
    system,
    terminology,
)

TABLE = files("wetread.core").joinpath("terminology.toml").read_text(encoding="utf-8")


def dicom_meanings(scheme: str, code: str) -> set[str]:
    """Return every meaning that pydicom's copy of PS3.16 gives the code."""
    return {codes[code][0] for codes in concepts[scheme].values() if code in codes}


def test_modalities_are_all_those_of_dicom() -> None:
    defined = {
        code
        for context_group in (29, 32)
        for keyword in cid_concepts[context_group]["DCM"]
        for code, (_, groups) in concepts["DCM"][keyword].items()
        if context_group in groups
    }
    assert set(terminology().modalities) == defined


@pytest.mark.parametrize("code", terminology().modalities)
def test_modalities_mean_what_dicom_says(code: str) -> None:
    assert terminology().modalities[code].display in dicom_meanings("DCM", code)


@pytest.mark.parametrize("name", terminology().body_parts)
def test_body_parts_mean_what_dicom_says(name: str) -> None:
    body_part = terminology().body_parts[name]
    assert body_part.display in dicom_meanings("SCT", body_part.code)


def test_dicom_concepts_mean_what_dicom_says() -> None:
    dicom = [c for c in terminology().concepts.values() if c.system == system("dcm")]
    assert dicom
    assert all(c.display in dicom_meanings("DCM", c.code) for c in dicom)


@pytest.mark.parametrize("concept", [concept("score"), finding_concept("pneumothorax")])
def test_dicom_objects_take_code_scheme_and_meaning(concept: Concept) -> None:
    value, scheme, meaning = concept.coded()
    assert (value, meaning) == (concept.code, concept.display)
    assert scheme == {system("wetread"): "99WETREAD", system("sct"): "SCT"}[concept.system]


def test_a_code_of_fhir_alone_has_no_place_in_a_dicom_object() -> None:
    with pytest.raises(ValueError, match="no DICOM coding scheme"):
        concept("category-imaging").coded()


def test_segments_are_of_a_category_that_dicom_defines() -> None:
    categories = {code for name in cid_concepts[7150]["SCT"] for code in concepts["SCT"][name]}
    assert {finding.category.code for finding in terminology().findings.values()} <= categories


def test_a_code_has_one_meaning_in_each_of_its_roles() -> None:
    meanings: dict[tuple[str, str], set[str]] = {}
    for row in terminology().all_concepts():
        meanings.setdefault((row.system, row.code), set()).add(row.display)
    several = {code: displays for code, displays in meanings.items() if len(displays) > 1}
    assert several == {(system("ucum"), "1"): {"1", "no units"}}, "FHIR and DICOM name it apart"


def test_no_code_is_typed_elsewhere() -> None:
    coded = {
        c.code
        for table in (terminology().concepts, terminology().body_parts, terminology().procedures)
        for c in table.values()
        if re.fullmatch(r"[\dLP]+(-\d)?", c.code) and len(c.code) > 1
    }
    assert "18748-4" in coded
    core = Path(module.__file__).parent
    for source in core.rglob("*.py"):
        assert not [code for code in coded if f'"{code}"' in source.read_text("utf-8")], source


def test_every_concept_of_the_table_is_written_somewhere() -> None:
    package = Path(module.__file__).parents[1]
    code = "".join(path.read_text("utf-8") for path in package.rglob("*.py"))
    within = tomllib.loads(TABLE)
    named = {*within["measure"], *within["unit"].values()}
    named |= {row[role] for row in within["finding"].values() for role in ("site", "category")}
    unused = [name for name in within["concept"] if name not in named and f'"{name}"' not in code]
    assert unused == [], "a row that nothing writes is a row that nobody reviews"


def test_unknown_modalities_are_coded_and_not_repeated() -> None:
    assert modality_concept("Doe^Jane") == concept("modality-not-known")
    assert modality_concept(None) == modality_concept("") == concept("modality-not-given")
    assert public_modality("Doe^Jane") == public_modality(None) == UNKNOWN_MODALITY
    assert public_modality("CT") == "CT"
    assert public_modalities(["PT", "CT", "CT"]) == "CT+PT"
    assert public_modalities([]) == UNKNOWN_MODALITY


def test_unknown_body_parts_have_no_code() -> None:
    assert body_part_concept("ELBOW OF A GIRAFFE") is None
    assert body_part_concept(None) is None


def test_procedures_are_specific_only_where_the_study_is() -> None:
    assert procedure_concept({"CT"}, {"CHEST"}).display == "CT Chest"
    general = concept("diagnostic-imaging-study")
    for modalities, body_parts in (({"CT"}, set()), ({"CT", "PT"}, {"CHEST"}), ({"SM"}, {"CHEST"})):
        assert procedure_concept(modalities, body_parts) == general


@pytest.mark.parametrize(
    ("broken", "problem"),
    [
        (TABLE.replace('source = "LOINC 18748-4"', 'source = ""'), ValueError),
        (TABLE.replace('source = "LOINC 18748-4"', ""), KeyError),
        (TABLE.replace('display = "CT Chest"', 'display = ""'), ValueError),
        (TABLE.replace("\nsct = {", "\nscts = {"), KeyError),
        (TABLE.replace('["HEAD", "BRAIN"]', '["HEAD", "CHEST"]'), ValueError),
        (TABLE.replace('["HEAD", "BRAIN"]', '["HEAD", "GIRAFFE"]'), ValueError),
        (TABLE.replace('source = "LOINC; FHIR', 'source = "" # "'), ValueError),
        (TABLE.replace('category = "physical-object"', ""), KeyError),
    ],
    ids=[
        "no source",
        "no source field",
        "no display",
        "no system",
        "two procedures",
        "procedure of no body part",
        "procedure without source",
        "finding without category",
    ],
)
def test_a_table_with_a_gap_is_refused(broken: str, problem: type[Exception]) -> None:
    assert broken != TABLE
    with pytest.raises(problem):
        read_terminology(broken)
