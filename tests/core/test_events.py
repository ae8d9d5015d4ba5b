"""Events: one canonical line each, as docs/reference/events.md says."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from wetread.core.errors import PermanentError, catalogue
from wetread.core.events import (
    SCHEMA_VERSION,
    AnalysisEvent,
    AnalysisOutcome,
    FailureEvent,
    FailureOutcome,
    StudyEvent,
    StudyOutcome,
    failure_event,
    score_histogram,
    study_event,
)
from wetread.core.findings import (
    Absence,
    AnalysisFindings,
    AnalysisName,
    AnalysisSource,
    Finding,
    ImageReference,
    InstanceOutcome,
    StudyFindings,
)

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "events.md").read_text("utf-8")
KEY = "k1-abcdefghijklmnopqrstuvwxyz"
SOURCE = AnalysisSource("cloud-vision", "v1", "c" * 64)
ANALYSED_AT = "2026-11-22T08:21:10Z"


def findings(*modalities: str, missing: tuple[AnalysisName, ...] = ()) -> StudyFindings:
    analyses = tuple(
        AnalysisFindings(
            f"row-{n}", "vision", f"2.25.{n}", modality, SOURCE, "2026-11-22T08:21:10Z"
        )
        for n, modality in enumerate(modalities)
    )
    outcomes = (InstanceOutcome("2.25.9", "2.25.8", "localizer"),)
    return StudyFindings(
        KEY, 2, "2.25.7", "a", "b", "2026-11-22T08:22:00Z", analyses, outcomes, missing
    )


def a_study_event() -> StudyEvent:
    return study_event(findings("CT", "PT"), seconds=12.34567, versions={"wetread": "0.1.0"})


def a_failure_event(code: str = "import-incomplete") -> FailureEvent:
    return failure_event(
        code,
        study_key=KEY,
        version=2,
        modality="CT",
        task="import_study",
        attempt=1,
        seconds=3.0,
        versions={"wetread": "0.1.0"},
    )


def an_analysis_event() -> AnalysisEvent:
    made = AnalysisFindings("s01", "nodule", "2.25.1", "CT", SOURCE, ANALYSED_AT)
    return AnalysisEvent(
        study_key=KEY,
        version=2,
        row="s01",
        analysis="nodule",
        mode="shadow",
        outcome=AnalysisOutcome.SUCCEEDED,
        code=None,
        images=60,
        findings=0,
        candidates=0,
        scores=score_histogram(made),
        seconds=1.5,
        versions={"nodule": "3"},
    )


def documented(event: str) -> dict[str, str]:
    """Return the fields of an event's table by name, with their type."""
    section = PAGE.split(f"## `{event}`")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \|", section, re.MULTILINE)
    return {name: kind.strip() for name, kind in rows}


JSON_TYPES = {
    "text": str,
    "integer": int,
    "number": (int, float),
    "object": dict,
    "list": list,
    "text or null": (str, type(None)),
    "integer or null": (int, type(None)),
}


@pytest.mark.parametrize(
    "event", [a_study_event(), an_analysis_event(), a_failure_event()], ids=lambda e: e.event
)
def test_the_page_and_the_line_agree(event: StudyEvent | AnalysisEvent | FailureEvent) -> None:
    line = json.loads(event.json_line())
    fields = documented(event.event)
    assert set(line) == set(fields)
    assert all(isinstance(line[name], JSON_TYPES[kind]) for name, kind in fields.items())
    assert line["event"] == event.event
    assert line["schema_version"] == SCHEMA_VERSION


@pytest.mark.parametrize("outcome", [*StudyOutcome, *AnalysisOutcome, *FailureOutcome])
def test_the_page_names_every_outcome(outcome: str) -> None:
    assert f"`{outcome}`" in PAGE


def test_the_line_is_canonical() -> None:
    line = a_study_event().json_line()
    assert line == (
        '{"anomalies":0,"candidates":0,"event":"study","findings":0,'
        '"images":0,"instances":{"analysed":0,"quarantined":0,"skipped":1,"unsupported":0},"masked_images":0,'
        '"modality":"CT+PT","outcome":"complete","schema_version":1,"seconds":12.346,'
        f'"study_key":"{KEY}","version":2,'
        '"versions":{"cloud-vision":"v1","wetread":"0.1.0"},"vision_units":0,"withheld_images":0}'
    )


def test_the_histogram_counts_every_score_also_the_ends() -> None:
    image = ImageReference("2.25.1", "2.25.1.1", "1.2.840.10008.5.1.4.1.1.2")
    made = AnalysisFindings(
        "s01",
        "nodule",
        "2.25.1",
        "CT",
        SOURCE,
        ANALYSED_AT,
        findings=tuple(Finding("pulmonary-nodule", score, 0.5, image) for score in (1.0, 0.55)),
        absences=(Absence("pneumothorax", 0.0, 0.5),),
    )
    assert score_histogram(made) == (1, 0, 0, 0, 0, 1, 0, 0, 0, 1)


@pytest.mark.parametrize(
    ("study", "outcome"),
    [
        (findings("CT"), StudyOutcome.COMPLETE),
        (findings("CT", missing=(AnalysisName("row-5", "vision"),)), StudyOutcome.INCOMPLETE),
        (findings(missing=(AnalysisName("row-5", "vision"),)), StudyOutcome.INCOMPLETE),
        (findings(), StudyOutcome.NOTHING_TO_ANALYSE),
    ],
)
def test_the_outcome_of_a_study(study: StudyFindings, outcome: StudyOutcome) -> None:
    assert study_event(study, seconds=1, versions={}).outcome is outcome


@pytest.mark.parametrize("code", catalogue())
def test_failures_carry_the_family_of_their_code(code: str) -> None:
    permanent = catalogue()[code].family is PermanentError
    expected = FailureOutcome.PERMANENT if permanent else FailureOutcome.RETRIABLE
    assert a_failure_event(code).outcome is expected


def test_a_failure_without_a_study_is_an_event_too() -> None:
    event = replace(a_failure_event("run-id-unknown"), study_key=None, version=None)
    assert json.loads(event.json_line())["study_key"] is None


def test_a_modality_that_is_a_name_is_not_repeated() -> None:
    line = study_event(findings("Doe^Jane"), seconds=1, versions={}).json_line()
    assert json.loads(line)["modality"] == "unknown"


def test_a_uid_in_place_of_the_key_is_refused_and_not_repeated() -> None:
    event = replace(a_study_event(), study_key="2.25.424242")
    with pytest.raises(PermanentError) as raised:
        event.json_line()
    assert "424242" not in str(raised.value)
