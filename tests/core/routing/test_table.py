"""The table of analyses: what is wrong in a row is said by row and field, before anything runs."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.routing.cases import (
    DEMO,
    EMBEDDING,
    GENERAL,
    ROW,
    SLIDES,
    TEXT,
    VISION,
    analysis,
    toml,
)

from wetread.core.routing.analysis import Analysis, Input, Kind, Mode
from wetread.core.routing.conditions import Listed, Range
from wetread.core.routing.table import (
    changed_analyses,
    read_analyses,
    shipped_analyses,
    table_from_json,
    table_to_json,
)


def without(*names: str) -> dict[str, Any]:
    return {key: value for key, value in ROW.items() if key not in names}


WRONG = {
    "a field that does not exist": ({"treshold": 1}, "there is no field 'treshold'"),
    "a modality that DICOM does not have": ({"modality": ["CAT"]}, "modality must list"),
    "no modality": ({"modality": []}, "modality must list"),
    "a modality besides all": ({"modality": ["*", "CT"]}, "modality must list"),
    "a modality as a text": ({"modality": "CT"}, "modality must be a list of texts"),
    "a body part in lower case": ({"body_part": ["chest"]}, "body_part must list"),
    "an empty body part": ({"body_part": [""]}, "body_part must list"),
    "an unknown attribute": ({"attributes": {"PatientName": ["DOE"]}}, "attributes must be key"),
    "no value of an attribute": ({"attributes": {"ViewPosition": []}}, "ViewPosition must be"),
    "a value in lower case": ({"attributes": {"ViewPosition": ["pa"]}}, "ViewPosition must be"),
    "a range of codes": ({"attributes": {"ViewPosition": {"min": 1}}}, "attributes must give"),
    "codes of a number": ({"attributes": {"KVP": ["120"]}}, "attributes must give"),
    "a range without ends": ({"attributes": {"KVP": {}}}, "KVP must be"),
    "a range from right to left": ({"attributes": {"KVP": {"min": 2, "max": 1}}}, "KVP must be"),
    "a range of texts": ({"attributes": {"KVP": {"min": "a"}}}, "KVP must have finite"),
    "an end that is no number": ({"attributes": {"KVP": {"least": 1}}}, "KVP must be"),
    "a scope that does not exist": ({"scope": "patient"}, "scope must be series or study"),
    "an input that does not exist": ({"input": "film"}, "input must be frames or volume or"),
    "tiles of no slide": (SLIDES | {"modality": ["CT"]}, "input tiles are of slides"),
    "tiles for detections": ({"modality": ["SM"], "input": "tiles"}, "input is none that models"),
    "a volume for a language model": (TEXT | {"input": "volume"}, "input is none that models"),
    "pictures of a study": ({"scope": "study", "input": "frames"}, "scope study goes with"),
    "a sampling rule that does not exist": (
        {"input": "frames", "sampling": "often"},
        "sampling is no sampling rule",
    ),
    "tiles of no slide by sampling": (
        {"input": "frames", "sampling": "tiles:4"},
        "sampling is no sampling rule of such series",
    ),
    "a sampled volume": ({"sampling": "every:2"}, "sampling concerns frames and tiles"),
    "an unknown adapter": ({"adapter": "oracle"}, "adapter must be vision or detections or"),
    "no endpoint": ({"endpoint": ""}, "endpoint must be"),
    "an endpoint that is a path": ({"endpoint": "projects/p"}, "endpoint must be"),
    "no card": ({"card": ""}, "card must be"),
    "a card somewhere else": ({"card": "../card.md"}, "card must be"),
    "no time": ({"timeout_seconds": 0}, "timeout_seconds must lie in 1 to 3600"),
    "more than an hour": ({"timeout_seconds": 3601}, "timeout_seconds must lie in 1 to 3600"),
    "a part of a second": ({"timeout_seconds": 1.5}, "timeout_seconds must be a whole number"),
    "a time that is true": ({"timeout_seconds": True}, "timeout_seconds must be a whole number"),
    "a mode that does not exist": ({"mode": "on"}, "mode must be live or shadow or off"),
    "an unknown finding": ({"findings": {"cat": 0.5}}, "findings must be finding codes"),
    "a threshold of 0": ({"findings": {"pneumothorax": 0}}, "findings must have thresholds"),
    "a threshold above 1": ({"findings": {"pneumothorax": 1.1}}, "findings must have thresholds"),
    "no threshold": ({"findings": {"pneumothorax": float("nan")}}, "findings must have thresholds"),
    "a threshold in words": ({"findings": {"pneumothorax": "high"}}, "findings must be an object"),
    "a threshold that is true": ({"findings": {"pneumothorax": True}}, "findings must be an obj"),
    "findings of general purpose": ({"kind": "general-purpose"}, "findings belong to specialised"),
    "findings of Vision": (VISION | {"findings": {"pneumothorax": 0.9}}, "findings belong to"),
    "a specialised Vision": (VISION | {"kind": "specialised"}, "adapter vision is general-purpose"),
    "Vision at an endpoint": (VISION | {"endpoint": "v"}, "endpoint must be"),
    "Vision of a volume": (VISION | {"input": "volume"}, "input is none that models"),
    "Vision of a study": (VISION | {"scope": "study"}, "scope study goes with"),
    "findings from free text": (
        TEXT | {"kind": "specialised", "card": "c.md", "findings": {"pneumothorax": 0.5}},
        "findings cannot come of medgemma",
    ),
    "no question for free text": (TEXT | {"prompt": " "}, "prompt must say what"),
    "a question for numbers": ({"prompt": "Any nodules?"}, "prompt must say what"),
    "embeddings without a head": (EMBEDDING | {"head": ""}, "head must name"),
    "a head without findings": (EMBEDDING | {"findings": {}}, "head must name"),
    "a head without embeddings": ({"head": "a.json"}, "head must name"),
    "a head somewhere else": (EMBEDDING | {"head": "../a.json"}, "head must name"),
    "no title": ({"title": " "}, "title must not be empty"),
    "a title that is no text": ({"title": 7}, "title must be a text"),
    "a kind that does not exist": ({"kind": "magic"}, "kind must be general-purpose or special"),
    "another id": ({"id": "liver"}, "id must be the name of the row"),
}


@pytest.mark.parametrize(("changed", "message"), WRONG.values(), ids=list(WRONG))
def test_a_wrong_row_is_refused_by_row_and_field(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=r"^\[analysis\.lung\] ") as raised:
        changed_analyses({}, {"lung": ROW | changed})
    assert message in str(raised.value)


@pytest.mark.parametrize("name", ["title", "kind", "input", "adapter"])
def test_what_every_row_says_cannot_be_left_out(name: str) -> None:
    with pytest.raises(ValueError, match=rf"^\[analysis\.lung\] {name} is missing"):
        read_analyses(toml(("lung", without(name))))


@pytest.mark.parametrize("name", ["", "Lung", "lung model", "-lung", "x" * 64, "../lung", "lung_2"])
def test_an_id_is_fit_for_names_of_objects(name: str) -> None:
    with pytest.raises(ValueError, match="id must be a-z, 0-9 and hyphens"):
        changed_analyses({}, {name: ROW})


@pytest.mark.parametrize("text", ["", "x = 1", "analysis = 1", "[analysis.a]\n[other]"])
def test_a_table_without_rows_of_analyses_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="a table of analyses has rows"):
        read_analyses(text)


def test_two_rows_cannot_share_an_endpoint() -> None:
    with pytest.raises(ValueError, match="endpoint is that of another row"):
        read_analyses(toml(("first", ROW), ("second", ROW)))


def test_a_row_that_is_off_keeps_its_endpoint_for_another() -> None:
    read = read_analyses(toml(("first", ROW), ("second", ROW | {"mode": "off"})))
    assert read["first"].endpoint == read["second"].endpoint


def test_vision_answers_one_row_only() -> None:
    with pytest.raises(ValueError, match="adapter is that of another row"):
        read_analyses(toml(("first", ROW | VISION), ("second", ROW | VISION)))


@pytest.mark.parametrize("changed", [{}, SLIDES, GENERAL, VISION, TEXT, EMBEDDING])
def test_rows_that_are_right_are_read(changed: dict[str, Any]) -> None:
    read = read_analyses(toml(("lung", ROW | changed)))
    assert table_from_json(json.loads(json.dumps(table_to_json(read)))) == read


def test_what_is_left_out_has_the_default_that_the_table_states() -> None:
    row = without("modality")
    read = read_analyses(toml(("lung", row)))["lung"]
    assert (read.modality, read.body_part, read.scope) == (("*",), (), "series")
    assert (read.timeout_seconds, read.mode, read.sampling) == (60, "live", "")


def test_conditions_are_read() -> None:
    attributes = {"ViewPosition": ["PA", "AP"], "SliceThickness": {"max": 3}}
    read = analysis(attributes=attributes)
    assert read.attributes == {
        "ViewPosition": Listed(("PA", "AP")),
        "SliceThickness": Range(max=3.0),
    }


def test_rows_are_listed_general_first_then_live_ones_then_shadows() -> None:
    rows = [
        ("a", ROW | {"endpoint": "a", "mode": "shadow"}),
        ("z", ROW | {"endpoint": "z"}),
        ("0", ROW | {"endpoint": "0", "mode": "off"}),
        ("b", ROW | {"endpoint": "b"}),
        ("v", ROW | VISION),
    ]
    assert list(read_analyses(toml(*rows))) == ["v", "b", "z", "a", "0"]
    assert list(read_analyses(toml(*reversed(rows)))) == ["v", "b", "z", "a", "0"]


def test_an_analysis_cannot_be_made_wrong_by_hand_either() -> None:
    with pytest.raises(ValueError, match="findings belong to specialised"):
        Analysis(
            id="v",
            title="Vision",
            kind=Kind.GENERAL_PURPOSE,
            input=Input.FRAMES,
            adapter=shipped_analyses()["vision"].adapter,
            findings={"pneumothorax": 0.9},
        )


def test_only_vision_is_on_before_an_installation_says_so() -> None:
    assert [a.id for a in shipped_analyses().values() if a.is_on] == ["vision"]


def test_the_demo_has_a_model_in_shadow() -> None:
    table = changed_analyses(shipped_analyses(), DEMO)
    assert list(table) == ["vision", "phantom-nodule", "phantom-pneumothorax", "burned-in-text"]
    assert [a.id for a in table.values() if a.mode is Mode.SHADOW] == ["burned-in-text"]
    assert {code for a in table.values() for code in a.findings} == {
        "pulmonary-nodule",
        "pneumothorax",
        "burned-in-text",
    }


def test_a_row_changes_field_by_field() -> None:
    table = changed_analyses(shipped_analyses(), {"phantom-nodule": {"mode": "shadow"}})
    before, after = shipped_analyses()["phantom-nodule"], table["phantom-nodule"]
    assert after.mode is Mode.SHADOW
    assert before.as_json() | {"mode": "shadow"} == after.as_json()


def test_rows_are_added_and_taken_out() -> None:
    table = changed_analyses(shipped_analyses(), {"lung": ROW, "vision": None})
    assert "vision" not in table
    assert table["lung"] == analysis()


def test_an_added_row_must_be_whole() -> None:
    with pytest.raises(ValueError, match=r"\[analysis.nodule\] adapter is missing"):
        changed_analyses(shipped_analyses(), {"nodule": {"mode": "shadow"}})


@pytest.mark.parametrize("change", [1, "shadow", [], True])
def test_a_change_is_an_object_of_fields(change: Any) -> None:
    with pytest.raises(ValueError, match=r"\[analysis.vision\] must be an object"):
        changed_analyses(shipped_analyses(), {"vision": change})


CHANGES: dict[str, Callable[[Any], Any]] = {
    "title": lambda _: "Another",
    "modality": lambda _: ["CT", "MR"],
    "body_part": lambda _: ["LUNG"],
    "attributes": lambda _: {"KVP": {"min": 80}},
    "timeout_seconds": lambda seconds: seconds + 1,
    "mode": lambda _: "shadow",
    "findings": lambda _: {"pulmonary-nodule": 0.6},
    "endpoint": lambda _: "other",
}


@given(st.sets(st.sampled_from(sorted(CHANGES))))
def test_the_digest_follows_every_field(names: set[str]) -> None:
    row = analysis().as_json()
    changed = {name: CHANGES[name](row[name]) for name in names}
    assert (analysis(**changed).digest == analysis().digest) == (not names)


def test_one_number_has_one_digest() -> None:
    assert (
        analysis(findings={"pneumothorax": 1}).digest
        == analysis(findings={"pneumothorax": 1.0}).digest
    )


def test_the_head_of_the_table_explains_every_field() -> None:
    text = files("wetread.core.routing").joinpath("analyses.toml").read_text("utf-8")
    head = text.split("[analysis.")[0]
    fields = shipped_analyses()["vision"].as_json().keys() - {"id"}
    assert {name for name in fields if f"\n# {name} " not in head} == set()
    assert {name for row in tomllib.loads(text)["analysis"].values() for name in row} <= fields
