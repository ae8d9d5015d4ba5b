"""Settings: nothing unknown or wrongly typed slips in, and digests follow analysis alone."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wetread.core.errors import PermanentError
from wetread.core.routing.table import shipped_analyses
from wetread.core.settings import Settings, default_of, settings_from_json

NAMES = [field.name for field in fields(Settings)]
CHANGE_FINDINGS = {
    "sampled_frames_per_series",
    "sampling",
    "prefer_ct_presets",
    "anomaly_threshold",
    "vision_max_results",
    "detect_text",
    "burned_in_text",
    "frame_limit_bytes",
}
"""What decides which pixels are looked at, and what is kept of any answer.

The table of analyses is not among them: a plan says what it uses of it.
"""


RULED: dict[str, Any] = {
    "burned_in_text": "withhold",
    "sampling": "CT=every:4",
    "time_zone": "Europe/Vienna",
    "organization": "General Hospital",
}
"""Other valid values of settings that do not take any text."""


def changed(name: str) -> Any:
    """Return another valid value of a setting."""
    value = getattr(Settings(), name)
    if name in RULED:
        return RULED[name]
    if isinstance(value, bool):
        return not value
    if isinstance(value, dict):
        return {"vision": {"mode": "shadow"}}
    return value / 2 if isinstance(value, float) else value + ("x" if isinstance(value, str) else 1)


def refusal(text: str) -> str:
    with pytest.raises(PermanentError) as raised:
        settings_from_json(text)
    assert raised.value.code == "settings-invalid"
    return str(raised.value)


def test_an_empty_variable_means_the_defaults() -> None:
    assert settings_from_json("{}") == Settings()


@pytest.mark.parametrize("name", NAMES)
def test_every_setting_can_be_set_alone(name: str) -> None:
    value = changed(name)
    read = settings_from_json(json.dumps({name: value}))
    assert getattr(read, name) == value
    others = set(NAMES) - {name}
    assert all(getattr(read, other) == getattr(Settings(), other) for other in others)


@pytest.mark.parametrize("name", NAMES)
def test_the_digest_changes_with_settings_of_the_analysis_and_no_others(name: str) -> None:
    read = settings_from_json(json.dumps({name: changed(name)}))
    is_other = read.analysis_digest != Settings().analysis_digest
    assert is_other == (name in CHANGE_FINDINGS)


def test_equal_settings_have_equal_digests_however_they_are_written() -> None:
    written = [settings_from_json(f'{{"anomaly_threshold": {one}}}') for one in ("1", "1.0", "1e0")]
    assert len({settings.analysis_digest for settings in written}) == 1


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [None, [], {}, "text", True, 7, 0.5], ids=repr)
def test_a_value_of_another_type_is_refused_by_name(name: str, value: Any) -> None:
    default = getattr(Settings(), name)
    is_right = type(value) is type(default)
    is_whole_number_for_float = isinstance(default, float) and type(value) is int
    if not is_right and not is_whole_number_for_float:
        assert f"{name} must be a" in refusal(json.dumps({name: value}))


@given(st.text().filter(lambda name: name not in NAMES))
def test_an_unknown_setting_is_refused(name: str) -> None:
    assert "there is no setting called" in refusal(json.dumps({name: 1}))


@pytest.mark.parametrize("name", [f.name for f in fields(Settings) if type(default_of(f)) is int])
@pytest.mark.parametrize("value", [0, -1])
def test_counts_and_sizes_are_positive(name: str, value: int) -> None:
    assert f"{name} must be at least 1" in refusal(json.dumps({name: value}))


@pytest.mark.parametrize("value", ["0", "0.0", "1.0001", "-1", "NaN", "Infinity", "2"])
def test_the_threshold_is_a_probability(value: str) -> None:
    assert "anomaly_threshold" in refusal(f'{{"anomaly_threshold": {value}}}')


@pytest.mark.parametrize("rules", ["CT", "CT=", "CT=often", "CT=all CT=all", "x y=all", "CT=key"])
def test_sampling_rules_are_checked_when_settings_are_read(rules: str) -> None:
    assert "sampling must hold" in refusal(json.dumps({"sampling": rules}))


@pytest.mark.parametrize("text", ["", "{", "null", "[]", '"text"', "7", "{'a': 1}"])
def test_what_is_no_json_object_is_refused_and_not_repeated(text: str) -> None:
    assert "wetread_settings" in refusal(text)


@pytest.mark.parametrize("policy", ["off", "", "send", "Mask"])
def test_burned_in_text_cannot_be_let_through(policy: str) -> None:
    assert "must be mask or withhold" in refusal(json.dumps({"burned_in_text": policy}))


NODULE_LIVE = {"phantom-nodule": {"mode": "live"}}


def test_an_installation_changes_the_table_of_analyses() -> None:
    read = settings_from_json(json.dumps({"analyses": NODULE_LIVE}))
    assert read.analysis_table["phantom-nodule"].is_live
    assert not Settings().analysis_table["phantom-nodule"].is_on


@pytest.mark.parametrize(
    ("analyses", "message"),
    [
        ({"phantom-nodule": {"mode": "of"}}, "[analysis.phantom-nodule] mode must be live"),
        ({"new": {"title": "x"}}, "[analysis.new] adapter is missing"),
        ({"vision": {"findings": {"pneumothorax": 0.5}}}, "[analysis.vision] findings belong"),
        ({"vision": 1}, "[analysis.vision] must be an object"),
    ],
)
def test_a_wrong_analysis_is_refused_by_row_and_field(
    analyses: dict[str, Any], message: str
) -> None:
    assert f"analyses: {message}" in refusal(json.dumps({"analyses": analyses}))


def test_a_sealed_version_keeps_its_table() -> None:
    own = {"phantom-nodule": {"mode": "shadow"}, "burned-in-text": None}
    sealed = json.loads(json.dumps(Settings(analyses=own).analysis))
    later = Settings(analyses={"phantom-nodule": {"timeout_seconds": 7}, "vision": None})
    assert later.with_analysis(sealed).analysis_table == Settings(analyses=own).analysis_table


def test_a_version_that_was_sealed_without_a_table_has_the_shipped_one() -> None:
    sealed = {k: v for k, v in Settings().analysis.items() if k != "analyses"}
    later = Settings(analyses=NODULE_LIVE)
    assert later.with_analysis(sealed).analysis_table == shipped_analyses()


@pytest.mark.parametrize("name", ["patient_system", "accession_system"])
@pytest.mark.parametrize("system", ["", "hospital", "urn:", "urn:oid:1.2 3", "https://h|x", ":x"])
def test_a_system_of_numbers_is_an_absolute_uri(name: str, system: str) -> None:
    assert f"{name} must be an absolute URI" in refusal(json.dumps({name: system}))


@pytest.mark.parametrize(
    "zone", ["CEST?", "Europe", "Europe/Nowhere", "../etc/passwd", "/etc", " "]
)
def test_a_time_zone_is_one_that_there_is(zone: str) -> None:
    assert "time_zone must be" in refusal(json.dumps({"time_zone": zone}))


@pytest.mark.parametrize("name", [" ", "two\nlines", " General Hospital"])
def test_an_organization_is_one_line(name: str) -> None:
    assert "organization must be" in refusal(json.dumps({"organization": name}))


def test_a_site_reads_headers_by_its_settings() -> None:
    site = Settings(patient_system="urn:oid:1.2", time_zone="Europe/Vienna").site
    assert (site.patient_system, site.time_zone) == ("urn:oid:1.2", "Europe/Vienna")
