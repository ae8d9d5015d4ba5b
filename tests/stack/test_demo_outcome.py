"""The demo's verdict: what counts as expected, what does not, and how it is shown."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from samples.study import ExpectedFinding, ExpectedModelFinding, ExpectedStudy, outcomes
from stack.demo.outcome import Evidence, StudyOutcome, judge, stuck
from stack.demo.progress import Progress
from stack.demo.studies import SentStudy
from stack.demo.table import render

NODULE = ExpectedFinding("anomaly", (0.3, 0.4), 0.02, range(20, 23))
EXPECTED = ExpectedStudy("CT", 60, outcomes(analysed=16, skipped=44), (NODULE,), alert=True)
SENT = SentStudy("ct", "1.2.3", EXPECTED, datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC))
FINDING = {"kind": "anomaly", "centre": [0.31, 0.4], "instance_number": 21}
SUMMARY: Mapping[str, Any] = {
    "modality": "CT",
    "instances": {"analysed": 16, "skipped": 44, "unsupported": 0, "quarantined": 0},
    "findings": [FINDING],
    "alert": True,
}
REPORT = {"status": "preliminary", "meta": {"lastUpdated": "2026-01-01T12:00:20.5+00:00"}}
RUN = {"state": "success", "start_date": "2026-01-01T12:00:03Z"}
TASKS = [
    {"task_id": "import_study", "map_index": -1, "duration": 2.345, "state": "success"},
    {"task_id": "analyze_images", "map_index": 1, "duration": None, "state": "success"},
]
GOOD = Evidence(RUN, TASKS, SUMMARY, [REPORT], objects={"SR": 1}, documents=[b"<html>"])


def verdict(**changes: Any) -> StudyOutcome:
    return judge(SENT, "k1-abc", replace(GOOD, **changes))


def test_what_specialised_models_must_find_is_judged_too() -> None:
    centre = (10.0, -20.0, 30.0)
    nodule = ExpectedModelFinding("pulmonary-nodule", centre, 2.0, diameter_mm=8.0)
    expected = replace(EXPECTED, model_findings=(nodule,), shadow=("burned-in-text",))
    sent = replace(SENT, expected=expected)
    coded = {
        "code": "pulmonary-nodule",
        "point_mm": [11.0, -20.0, 30.0],
        "centre": [0.5, 0.5],
        "measurements": {"diameter": 8.4},
    }
    good = replace(
        GOOD,
        summary={**SUMMARY, "coded_findings": [coded]},
        analyses=frozenset({"vision", "burned-in-text"}),
    )
    assert judge(sent, "k1-abc", good).mismatches == ()
    assert judge(sent, "k1-abc", good).findings_expected == 2

    far = {**coded, "point_mm": [15.0, -20.0, 30.0]}
    (missing, extra) = judge(
        sent, "k1-abc", replace(good, summary={**SUMMARY, "coded_findings": [far]})
    ).mismatches
    assert "was not found" in missing
    assert "is not expected" in extra

    lost = judge(sent, "k1-abc", replace(good, analyses=frozenset({"vision"})))
    assert lost.mismatches == ("no output of burned-in-text was stored",)
    told = {**REPORT, "conclusion": "3 images looked at by burned-in-text 1."}
    (leak,) = judge(sent, "k1-abc", replace(good, reports=[told])).mismatches
    assert leak == "the output of burned-in-text is shown"


def test_a_study_as_expected_has_no_mismatch_and_all_its_times() -> None:
    outcome = verdict()
    assert outcome.mismatches == ()
    assert outcome.complete_to_report_seconds == 20.5
    assert outcome.complete_to_run_seconds == 3.0
    assert outcome.tasks == {"import_study": 2.35, "analyze_images[1]": 0.0}


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"summary": {**SUMMARY, "modality": "MR"}}, "modality is 'MR', expected 'CT'"),
        ({"summary": {**SUMMARY, "alert": False}}, "alert is False, expected True"),
        ({"summary": {**SUMMARY, "findings": []}}, "anomaly near (0.3, 0.4) was not found"),
        (
            {"summary": {**SUMMARY, "findings": [FINDING, {**FINDING, "instance_number": 40}]}},
            "anomaly at (0.31, 0.4) of instance 40 is not expected",
        ),
        (
            {"summary": {**SUMMARY, "instances": {"analysed": 16, "skipped": 43}}},
            "skipped is 43, expected 44",
        ),
        ({"summary": None}, "the run left no summary"),
        ({"objects": {}}, "0 SR are stored, expected 1"),
        ({"objects": {"SR": 1, "KO": 2}}, "2 KO are stored, expected 0"),
        ({"absent": frozenset({"Nodule"})}, "Nodule is said to be absent"),
        ({"documents": [b""]}, "a report has nothing for a person to read"),
        ({"reports": [REPORT, REPORT]}, "2 reports instead of one"),
        ({"reports": []}, "report is 'none', expected 'preliminary'"),
        ({"reports": [{**REPORT, "status": "final"}]}, "report is 'final', expected 'preliminary'"),
        (
            {
                "run": {**RUN, "state": "failed"},
                "task_instances": [{**TASKS[0], "state": "failed"}],
            },
            "the run ended failed in import_study",
        ),
    ],
)
def test_every_difference_is_named(changes: dict[str, Any], complaint: str) -> None:
    assert complaint in verdict(**changes).mismatches


def test_the_table_lines_up_and_says_what_is_wrong() -> None:
    lines = render([verdict(), stuck(SENT, "", "stuck in import_study")]).splitlines()
    heading, rule, good, bad, blank, problem = lines
    assert len(rule) == max(len(heading), len(good), len(bad))
    for column in ("analysed", "found", "seconds"):
        end = heading.index(column) + len(column)
        assert heading[end - 1] != " "
        assert good[end - 1].isdigit()
    assert good.endswith("as expected")
    assert bad.endswith("wrong")
    assert (blank, problem) == ("", "ct: stuck in import_study")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_log_gets_one_line_for_each_change() -> None:
    stream = io.StringIO()
    progress = Progress(stream)
    for state in ("import_study", "", "import_study", "done"):
        progress.show({"ct": state, "dx": "waiting for intake"})
    progress.close()
    texts = [line.split(" s  ")[1] for line in stream.getvalue().splitlines()]
    assert texts == ["ct: import_study", "dx: waiting for intake", "ct: done"]


def test_a_terminal_gets_one_line_that_fits() -> None:
    stream = Terminal()
    progress = Progress(stream)
    progress.show({f"study-{number}": "waiting for intake" for number in range(30)})
    progress.close()
    (line,) = stream.getvalue().splitlines()[-1:]
    assert stream.getvalue().endswith("\n")
    assert "0 of 30 done" in line
    assert len(line.strip()) <= 80
