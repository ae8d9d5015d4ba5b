"""Which findings raise an alert, and what leaves the protected stores with it."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wetread.core.alerts.alert import critical_alerts
from wetread.core.alerts.message import alert_message
from wetread.core.alerts.rules import alert_rules, read_rules
from wetread.core.findings import (
    AnalysisFindings,
    AnalysisSource,
    Candidate,
    CandidateKind,
    Finding,
    ImageReference,
    StudyFindings,
)

TABLE = files("wetread.core.alerts").joinpath("alerts.toml").read_text(encoding="utf-8")
PAGE = Path(__file__).parents[3] / "docs" / "reference" / "alert-message.md"
STUDY_UID = "2.25.424242"
VISION = AnalysisSource("cloud-vision", "v1", "c" * 64)
LUNG = AnalysisSource("lung", "3", "d" * 64)
LUNG_RULE = """
[rule.collapsed-lung-candidate]
kind = "anomaly"
source = "lung"
labels = ["pneumothorax"]
minimal_score = 0.6
category = 1
"""


def candidate(score: float, label: str = "Region", kind: str = "anomaly") -> Candidate:
    image = ImageReference(f"{STUDY_UID}.1", f"{STUDY_UID}.1.1", "1.2.840.10008.5.1.4.1.1.2")
    return Candidate(CandidateKind(kind), label, score, image)


def analysis(
    *candidates: Candidate, source: AnalysisSource = VISION, modality: str = "CT"
) -> AnalysisFindings:
    created_at = "2026-11-22T08:21:10Z"
    return AnalysisFindings(
        f"{source.name}-row",
        "vision",
        f"{STUDY_UID}.1",
        modality,
        source,
        created_at,
        candidates=candidates,
    )


def study(*analyses: AnalysisFindings) -> StudyFindings:
    key = "k1-abcdefghijklmnopqrstuvwxyz"
    created_at = "2026-11-22T08:22:00Z"
    return StudyFindings(key, 1, STUDY_UID, "a" * 64, "b" * 64, created_at, analyses)


def schema() -> dict[str, Any]:
    block = PAGE.read_text("utf-8").split("```json schema\n")[1].split("```")[0]
    loaded: dict[str, Any] = json.loads(block)
    return loaded


def test_an_anomaly_candidate_is_a_category_3_alert() -> None:
    (alert,) = critical_alerts(study(analysis(candidate(0.8))))
    assert (alert.category, alert.due_seconds) == (3, 3 * 24 * 3600)
    assert (alert.finding_code, alert.modality, alert.score) == ("anomaly-candidate", "CT", 0.8)


def test_objects_low_scores_and_labels_raise_none() -> None:
    weak = candidate(0.79)
    thing = candidate(0.99, kind="object")
    assert critical_alerts(study(analysis(weak, thing))) == ()
    assert critical_alerts(study()) == ()


def test_many_images_of_one_finding_are_one_alert_with_the_best_score() -> None:
    found = study(analysis(candidate(0.85), candidate(0.97), candidate(0.9)))
    (alert,) = critical_alerts(found)
    assert alert.score == 0.97


def test_each_source_raises_its_own_alert() -> None:
    alerts = critical_alerts(
        study(analysis(candidate(0.9)), analysis(candidate(0.95), source=LUNG))
    )
    assert [alert.score for alert in alerts] == [0.95, 0.9]
    assert len({alert.alert_id for alert in alerts}) == 2


def test_a_candidate_raises_the_most_urgent_alert_and_no_other() -> None:
    rules = read_rules(TABLE + LUNG_RULE)
    found = study(
        analysis(candidate(0.9, "Pneumothorax"), source=LUNG),
        analysis(candidate(0.99, "Pneumothorax")),
    )
    alerts = critical_alerts(found, rules)
    assert [(a.category, a.finding_code) for a in alerts] == [
        (1, "collapsed-lung-candidate"),
        (3, "anomaly-candidate"),
    ]


def test_a_specialised_finding_is_as_urgent_as_its_code_says() -> None:
    image = ImageReference(f"{STUDY_UID}.1", f"{STUDY_UID}.1.1", "1.2.840.10008.5.1.4.1.1.2")
    seen = [Finding(code, 0.9, 0.5, image) for code in ("pulmonary-nodule", "pneumothorax")]
    remark = Finding("burned-in-text", 0.99, 0.5, image)
    alerts = critical_alerts(study(replace(analysis(source=LUNG), findings=(*seen, remark))))
    assert [(a.category, a.finding_code) for a in alerts] == [
        (1, "pneumothorax"),
        (3, "pulmonary-nodule"),
    ]


def test_a_photograph_model_cannot_raise_the_alert_of_a_finding() -> None:
    found = study(analysis(candidate(0.99, "Pneumothorax")))
    assert [alert.finding_code for alert in critical_alerts(found)] == ["anomaly-candidate"]


def test_ids_stay_with_the_version_and_change_with_the_next() -> None:
    found = study(analysis(candidate(0.9)))
    (alert,) = critical_alerts(found)
    (again,) = critical_alerts(study(analysis(candidate(0.95))))
    (later,) = critical_alerts(replace(found, version=2))
    assert alert.alert_id == again.alert_id
    assert alert.alert_id != later.alert_id


@given(
    modality=st.sampled_from(["CT", "US", "", "Doe^Jane"]),
    scores=st.lists(st.integers(0, 10_000).map(lambda n: n / 10_000), max_size=4),
    label=st.sampled_from(["Region", "Doe^Jane", STUDY_UID]),
)
def test_messages_keep_the_schema_and_name_nobody(
    modality: str, scores: list[float], label: str
) -> None:
    found = study(analysis(*(candidate(s, label) for s in scores), modality=modality))
    alerts = critical_alerts(found)
    assert bool(alerts) == any(score >= 0.8 for score in scores)
    for alert in alerts:
        data, attributes = alert_message(alert)
        assert alert_message(alert) == (data, attributes)
        message = json.loads(data)
        jsonschema.validate(message, schema())
        everything = data.decode() + json.dumps(attributes)
        assert "Doe" not in everything
        assert "2.25." not in everything
        assert {name: str(message[name]) for name in attributes} == attributes


def test_the_page_names_every_field_and_attribute() -> None:
    (alert,) = critical_alerts(study(analysis(candidate(0.9))))
    data, attributes = alert_message(alert)
    message = json.loads(data)
    assert set(schema()["properties"]) == set(schema()["required"]) == set(message)
    assert set(asdict(alert)) <= set(message)
    rows = PAGE.read_text("utf-8").split("## Attributes")[1].split("## Data")[0]
    assert {line.split("`")[1] for line in rows.splitlines() if line.startswith("| `")} == set(
        attributes
    )


def test_every_category_of_the_table_is_more_urgent_than_the_next() -> None:
    rules = read_rules(TABLE + LUNG_RULE)
    assert [rule.category.number for rule in rules] == [1, 1, 3, 3]
    due = [rule.category.due_seconds for rule in rules]
    assert due == sorted(due)
    assert alert_rules()[-1].source == "*"


@pytest.mark.parametrize(
    ("broken", "problem"),
    [
        (TABLE.replace('kind = "anomaly"', 'kind = "tumour"'), ValueError),
        (TABLE.replace("minimal_score = 0.8", "minimal_score = 80.0"), ValueError),
        (TABLE.replace("due_seconds = 900", "due_seconds = 0"), ValueError),
        (TABLE.replace("category = 3", "category = 4"), KeyError),
        (TABLE.replace('source = "*"\n', ""), KeyError),
    ],
    ids=["kind", "score", "time", "category", "no source"],
)
def test_a_table_with_a_mistake_is_refused(broken: str, problem: type[Exception]) -> None:
    assert broken != TABLE
    with pytest.raises(problem):
        read_rules(broken)
