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
    DOCUMENT,
    GOLDEN,
    NEW,
    NODULE,
    OBJECT,
    PATIENT_NAME,
    SOURCE,
    STUDY_UID,
    ct_analysis,
    ct_instance,
    nodule_analysis,
    of_type,
    outcome,
    study_findings,
    surroundings,
    transaction,
    transactions,
)

from wetread.core.canonical import canonical_json
from wetread.core.errors import PermanentError
from wetread.core.fhir.gate.entries import BUNDLE_LIMIT_BYTES
from wetread.core.fhir.statements import OBSERVATION_LIMIT
from wetread.core.fhir.study import StudyFacts, study_facts
from wetread.core.findings import (
    Absence,
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
from wetread.core.terminology import concept

SECOND = AnalysisName("series-2", "vision")
OTHERS = (SECOND, AnalysisName("series-3", "phantom-nodule"))


def urls_of(bundle: dict[str, Any], *resource_types: str) -> set[str]:
    urls = (entry["request"]["url"] for entry in bundle["entry"])
    return {url for url in urls if url.startswith(resource_types)}


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
    absences=st.lists(
        st.builds(Absence, st.just("pneumothorax"), scores, st.just(0.5)), max_size=2
    ).map(tuple),
    images=st.integers(0, 3),
)


@st.composite
def studies(draw: st.DrawFn) -> StudyFindings:
    found = draw(st.lists(analyses, max_size=2, unique_by=lambda a: a.name))
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
@given(
    findings=studies(),
    metadata=stored_instances(),
    document=st.none() | st.binary(min_size=1, max_size=9),
    data=st.data(),
)
def test_every_transaction_keeps_the_rules(
    findings: StudyFindings,
    metadata: list[dict[str, Any]],
    document: bytes | None,
    data: st.DataObject,
) -> None:
    bundle = transaction(findings, study_facts(metadata), document=document)
    written = canonical_json(bundle)

    shuffled = study_facts(data.draw(st.permutations(metadata)))
    again = transaction(findings, shuffled, document=document)
    assert canonical_json(again) == written, "the store's order changes the result"

    full_urls = [entry["fullUrl"] for entry in bundle["entry"]]
    assert len(set(full_urls)) == len(full_urls)
    inside = {name for name in references(bundle) if name.startswith("urn:")}
    assert inside <= set(full_urls)
    assert {entry["request"]["method"] for entry in bundle["entry"]} == {"PUT"}
    for resource_type in ("Observation", "DiagnosticReport"):
        assert {r["status"] for r in of_type(bundle, resource_type)} <= {"preliminary"}
    said = sum(len(a.seen) + len(a.absences) for a in findings.analyses)
    assert len(of_type(bundle, "Observation")) == said
    (report,) = of_type(bundle, "DiagnosticReport")
    assert len(report.get("result", [])) == said
    assert all(str(name) in report["conclusion"] for name in findings.missing)
    assert PATIENT_NAME not in written.decode()


@settings(max_examples=30, deadline=None)
@given(found=st.lists(analyses, min_size=2, max_size=3, unique_by=lambda a: a.name), data=st.data())
def test_the_order_of_analyses_changes_nothing(
    found: list[AnalysisFindings], data: st.DataObject
) -> None:
    findings = study_findings(*found)
    shuffled = replace(findings, analyses=tuple(data.draw(st.permutations(found))))
    devices = surroundings(findings, study_facts([])).devices
    assert canonical_json(transaction(shuffled, devices=devices)) == canonical_json(
        transaction(findings, devices=devices)
    )


def test_a_completed_analysis_adds_to_the_report_and_moves_nothing() -> None:
    second = replace(ct_analysis(OBJECT), row_id="series-2", source=replace(SOURCE, name="other"))
    before = transaction(study_findings(ct_analysis(ANOMALY), missing=(SECOND,)))
    after = transaction(study_findings(ct_analysis(ANOMALY), second))
    updated = ("ImagingStudy", "Observation", "Media", "DiagnosticReport")
    urls_before, urls_after = (urls_of(bundle, *updated) for bundle in (before, after))
    assert urls_before < urls_after
    assert len(urls_after) == len(urls_before) + 1
    assert of_type(before, "Observation")[0] in of_type(after, "Observation")


def test_other_content_is_another_review_and_another_origin() -> None:
    first = transaction(study_findings(ct_analysis(ANOMALY)), document=DOCUMENT)
    other = transaction(study_findings(ct_analysis(OBJECT)), document=DOCUMENT)
    again = transaction(replace(study_findings(ct_analysis(ANOMALY)), version=2), document=DOCUMENT)
    for resource_type in ("Task", "Provenance", "Binary"):
        one, two, same = (urls_of(bundle, resource_type) for bundle in (first, other, again))
        assert one.isdisjoint(two)
        assert one == same


def test_another_edition_shares_nothing_but_the_study() -> None:
    findings = study_findings(ct_analysis(ANOMALY), nodule_analysis(NODULE))
    first = transaction(findings, document=DOCUMENT)
    other = replace(NEW, report=replace(NEW.report, value="f" * 32), edition=1)
    second = transaction(findings, document=DOCUMENT, filing=other)
    shared = {e["request"]["url"] for e in first["entry"]} & {
        e["request"]["url"] for e in second["entry"]
    }
    assert len(shared) == 1
    assert shared.pop().startswith("ImagingStudy?")


def test_another_score_updates_the_same_observation() -> None:
    def urls(candidate: Candidate) -> set[str]:
        bundle = transaction(study_findings(ct_analysis(candidate)))
        return urls_of(bundle, "Observation", "DiagnosticReport")

    assert urls(ANOMALY) == urls(replace(ANOMALY, score=0.95))
    assert urls(ANOMALY) != urls(replace(ANOMALY, label="Dark region"))


def test_names_do_not_depend_on_the_study_key() -> None:
    findings = study_findings(ct_analysis(ANOMALY))
    rotated = replace(findings, study_key="k2-zyxwvutsrqponmlkjihgfedcba")
    assert transaction(rotated) == transaction(findings)


def test_candidates_that_agree_in_everything_stay_two_observations() -> None:
    bundle = transaction(study_findings(ct_analysis(OBJECT, OBJECT)))
    identifiers = {o["identifier"][0]["value"] for o in of_type(bundle, "Observation")}
    assert len(identifiers) == 2


def test_labels_are_not_findings() -> None:
    bundle = transaction(study_findings(ct_analysis()))
    assert of_type(bundle, "Observation") == []
    assert b"radiograph" not in canonical_json(bundle)


def test_too_many_candidates_keep_the_best_and_say_so() -> None:
    objects = [replace(OBJECT, label=f"object {n}") for n in range(OBSERVATION_LIMIT - 1)]
    findings = study_findings(ct_analysis(*objects, ANOMALY), nodule_analysis())
    bundle = transaction(findings)
    observations = of_type(bundle, "Observation")
    assert len(observations) == OBSERVATION_LIMIT
    assert observations[0]["valueCodeableConcept"] == concept("absent").codeable()
    assert observations[1]["valueCodeableConcept"]["text"] == ANOMALY.label
    (report,) = of_type(bundle, "DiagnosticReport")
    assert "1 candidate with the lowest scores is not listed" in report["conclusion"]


def test_the_threshold_stands_beside_the_score() -> None:
    bundle = transaction(study_findings(ct_analysis(ANOMALY)), anomaly_threshold=0.75)
    (observation,) = of_type(bundle, "Observation")
    values = {
        component["code"]["coding"][0]["code"]: component["valueQuantity"]["value"]
        for component in observation["component"]
    }
    assert values == {"score": 0.93, "threshold": 0.75}


def test_metadata_of_another_study_is_refused() -> None:
    with pytest.raises(PermanentError, match=r"\[result-invalid\]"):
        transaction(study_findings(), StudyFacts(study_instance_uid="2.25.7"))


def test_a_broken_rule_is_named_without_the_value() -> None:
    with pytest.raises(PermanentError) as raised:
        transaction(study_findings(), dicomweb_url="", service_request="Wetherby was here")
    assert raised.value.code == "result-invalid"
    assert "fhir." in str(raised.value)
    assert "Wetherby" not in str(raised.value)


def test_a_document_too_large_to_store_is_refused() -> None:
    with pytest.raises(PermanentError, match=r"fhir\.bundle\.size"):
        transaction(study_findings(), document=bytes(BUNDLE_LIMIT_BYTES))


def test_a_model_that_nobody_looked_for_is_refused() -> None:
    with pytest.raises(PermanentError, match=r"\[result-invalid\]"):
        transaction(study_findings(ct_analysis(ANOMALY)), devices={})
