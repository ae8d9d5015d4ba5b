"""The transaction as a whole: golden studies, and rules that hold for every study."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.fhir.cases import (
    ANOMALY,
    CT_IMAGE,
    GOLDEN,
    OBJECT,
    PATIENT_NAME,
    SOURCE,
    STUDY_UID,
    ct_analysis,
    ct_facts,
    ct_instance,
    outcome,
    study_findings,
    transactions,
)

from wetread.core.canonical import canonical_json
from wetread.core.errors import PermanentError
from wetread.core.fhir.bundle import OBSERVATION_LIMIT, build_transaction
from wetread.core.fhir.study import StudyFacts, study_facts
from wetread.core.fhir.subject import SubjectReference, subject_reference
from wetread.core.findings import (
    AnalysisFindings,
    AnalysisName,
    Candidate,
    CandidateKind,
    Finding,
    ImageReference,
    Measurement,
    Region,
    StudyFindings,
)
from wetread.core.outcomes import reasons

NOBODY = SubjectReference()
SECOND = AnalysisName("series-2", "vision")
OTHERS = (SECOND, AnalysisName("series-3", "phantom-nodule"))


def of_type(bundle: dict[str, Any], resource_type: str) -> list[dict[str, Any]]:
    resources = [entry["resource"] for entry in bundle["entry"]]
    return [r for r in resources if r["resourceType"] == resource_type]


def references(element: Any) -> list[str]:
    if isinstance(element, dict):
        own = [element["reference"]] if isinstance(element.get("reference"), str) else []
        return own + [r for value in element.values() for r in references(value)]
    if isinstance(element, list):
        return [r for value in element for r in references(value)]
    return []


@pytest.mark.parametrize("name", transactions())
def test_golden_transactions_have_not_changed(name: str) -> None:
    expected = json.loads((GOLDEN / f"{name}.json").read_text("utf-8"))
    assert transactions()[name] == expected


def test_every_golden_file_is_compared() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == set(transactions())


scores = st.integers(0, 10_000).map(lambda n: n / 10_000)
regions = st.builds(Region, *[st.integers(0, 100).map(lambda n: n / 100)] * 4)
images = st.builds(
    lambda series, number, frame: ImageReference(
        f"{STUDY_UID}.{series}", f"{STUDY_UID}.{series}.{number}", CT_IMAGE, number, frame
    ),
    st.integers(1, 2),
    st.integers(1, 3),
    st.integers(1, 2),
)
candidates = st.builds(
    Candidate,
    st.sampled_from(CandidateKind),
    st.sampled_from(["Bone", "Bright region", "<script>"]) | st.text(max_size=20),
    scores,
    images,
    st.none() | regions,
)
findings = st.builds(
    Finding,
    code=st.sampled_from(["pulmonary-nodule", "pneumothorax", "burned-in-text"]),
    score=scores,
    threshold=st.just(0.5),
    image=images,
    region=st.none() | regions,
    point_mm=st.none() | st.tuples(*[st.integers(-500, 500).map(float)] * 3),
    measurements=st.just(()) | st.just((Measurement("diameter", 8.1, "mm"),)),
)
analyses = st.builds(
    AnalysisFindings,
    row_id=st.sampled_from(["series-1", "series-2"]),
    analysis_id=st.sampled_from(["vision", "phantom-nodule"]),
    series_instance_uid=st.just(f"{STUDY_UID}.1"),
    modality=st.sampled_from(["CT", "MR", "", "Wetherby^Quentin"]),
    source=st.sampled_from([SOURCE, replace(SOURCE, version="v2")]),
    created_at=st.just("2026-11-22T08:21:10Z"),
    candidates=st.lists(candidates, max_size=6).map(tuple),
    findings=st.lists(findings, max_size=3).map(tuple),
)


@st.composite
def studies(draw: st.DrawFn) -> StudyFindings:
    found = draw(st.lists(analyses, max_size=2))
    other = [
        outcome(number, reason)
        for number, reason in enumerate(draw(st.lists(st.sampled_from(list(reasons())))))
    ]
    missing = draw(st.sets(st.sampled_from(OTHERS)))
    return study_findings(*found, outcomes=tuple(other), missing=tuple(missing))


@st.composite
def stored_instances(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Return metadata of a sound or a strange study: absent, empty and misspelt values."""
    strange = {
        "x00080020": st.sampled_from(["20261122", "20261399", "", None]),
        "x00080030": st.sampled_from(["081500.25", "08", "256199", None]),
        "x00080060": st.sampled_from(["CT", "ZZ", PATIENT_NAME, None]),
        "x00080201": st.sampled_from(["+0100", "-2500", None]),
        "x00081030": st.sampled_from(["CT chest", " \u0000\ud800 ", None]),
        "x00100020": st.sampled_from(["PAT-1", "PAT-2", None]),
        "x00200013": st.sampled_from([1, -4, "7", "seven", 2**40, None]),
    }
    numbers = draw(st.sets(st.integers(1, 6), max_size=4))
    return [
        ct_instance(number, **{tag: draw(values) for tag, values in strange.items()})
        for number in sorted(numbers)
    ]


@settings(max_examples=60, deadline=None)
@given(findings=studies(), metadata=stored_instances(), data=st.data())
def test_every_transaction_keeps_the_rules(
    findings: StudyFindings, metadata: list[dict[str, Any]], data: st.DataObject
) -> None:
    facts = study_facts(metadata)
    bundle = build_transaction(findings, facts, subject_reference(findings, facts))
    written = canonical_json(bundle)

    shuffled = study_facts(data.draw(st.permutations(metadata)))
    again = build_transaction(findings, shuffled, subject_reference(findings, shuffled))
    assert canonical_json(again) == written, "the store's order changes the result"

    full_urls = [entry["fullUrl"] for entry in bundle["entry"]]
    assert len(set(full_urls)) == len(full_urls)
    assert set(references(bundle)) <= set(full_urls)
    assert {entry["request"]["method"] for entry in bundle["entry"]} == {"PUT"}
    for resource_type in ("Observation", "DiagnosticReport"):
        assert {r["status"] for r in of_type(bundle, resource_type)} <= {"preliminary"}
    seen = len(findings.findings) + len(findings.candidates)
    assert len(of_type(bundle, "Observation")) == seen
    (report,) = of_type(bundle, "DiagnosticReport")
    assert len(report.get("result", [])) == seen
    assert all(str(name) in report["conclusion"] for name in findings.missing)
    assert PATIENT_NAME not in written.decode()


def test_a_completed_analysis_adds_to_the_report_and_moves_nothing() -> None:
    second = replace(ct_analysis(OBJECT), row_id="series-2", source=replace(SOURCE, name="other"))
    before = build_transaction(
        study_findings(ct_analysis(ANOMALY), missing=(SECOND,)), ct_facts(), NOBODY
    )
    after = build_transaction(study_findings(ct_analysis(ANOMALY), second), ct_facts(), NOBODY)
    urls_before = [entry["request"]["url"] for entry in before["entry"]]
    urls_after = [entry["request"]["url"] for entry in after["entry"]]
    assert set(urls_before) < set(urls_after)
    assert len(urls_after) == len(urls_before) + 1
    assert of_type(before, "Observation")[0] in of_type(after, "Observation")


def test_another_score_updates_the_same_observation() -> None:
    def urls(candidate: Candidate) -> list[str]:
        bundle = build_transaction(study_findings(ct_analysis(candidate)), ct_facts(), NOBODY)
        return [entry["request"]["url"] for entry in bundle["entry"]]

    assert urls(ANOMALY) == urls(replace(ANOMALY, score=0.95))
    assert urls(ANOMALY) != urls(replace(ANOMALY, label="Dark region"))


def test_names_do_not_depend_on_the_study_key() -> None:
    findings = study_findings(ct_analysis(ANOMALY))
    rotated = replace(findings, study_key="k2-zyxwvutsrqponmlkjihgfedcba")
    assert build_transaction(rotated, ct_facts(), NOBODY) == build_transaction(
        findings, ct_facts(), NOBODY
    )


def test_candidates_that_agree_in_everything_stay_two_observations() -> None:
    bundle = build_transaction(study_findings(ct_analysis(OBJECT, OBJECT)), ct_facts(), NOBODY)
    identifiers = {o["identifier"][0]["value"] for o in of_type(bundle, "Observation")}
    assert len(identifiers) == 2


def test_labels_are_not_findings() -> None:
    bundle = build_transaction(study_findings(ct_analysis()), ct_facts(), NOBODY)
    assert of_type(bundle, "Observation") == []
    assert b"radiograph" not in canonical_json(bundle)


def test_too_many_candidates_keep_the_best_and_say_so() -> None:
    objects = [replace(OBJECT, label=f"object {n}") for n in range(OBSERVATION_LIMIT)]
    findings = study_findings(ct_analysis(*objects, ANOMALY))
    bundle = build_transaction(findings, ct_facts(), NOBODY)
    observations = of_type(bundle, "Observation")
    assert len(observations) == OBSERVATION_LIMIT
    assert observations[0]["valueCodeableConcept"]["text"] == ANOMALY.label
    (report,) = of_type(bundle, "DiagnosticReport")
    assert "1 candidate with the lowest scores is not listed" in report["conclusion"]


def test_the_threshold_stands_beside_the_score() -> None:
    findings = study_findings(ct_analysis(ANOMALY))
    bundle = build_transaction(findings, ct_facts(), NOBODY, anomaly_threshold=0.75)
    (observation,) = of_type(bundle, "Observation")
    values = {
        component["code"]["coding"][0]["code"]: component["valueQuantity"]["value"]
        for component in observation["component"]
    }
    assert values == {"score": 0.93, "threshold": 0.75}


def test_metadata_of_another_study_is_refused() -> None:
    with pytest.raises(PermanentError, match=r"\[result-invalid\]"):
        build_transaction(study_findings(), StudyFacts(study_instance_uid="2.25.7"), NOBODY)


def test_a_broken_rule_is_named_without_the_value() -> None:
    findings = replace(study_findings(), created_at="Wetherby was here")
    with pytest.raises(PermanentError) as raised:
        build_transaction(findings, ct_facts(), NOBODY)
    assert raised.value.code == "result-invalid"
    assert "issued" in str(raised.value)
    assert "Wetherby" not in str(raised.value)
