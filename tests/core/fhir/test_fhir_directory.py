"""Who and what reports refer to: written once, so its names hold all that could change it."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from fhir.resources.R4B import get_fhir_model_class
from tests.core.fhir.cases import NODULE, STORE, ct_analysis, nodule_analysis, study_findings

from wetread.core.fhir.directory import (
    directory_identifier,
    endpoint,
    model_device,
    model_devices,
    organization,
    wetread_device,
)
from wetread.core.fhir.elements import Resource
from wetread.core.findings import AnalysisSource
from wetread.core.version import VERSION

MODEL = AnalysisSource(
    "lung", "2", "5e77" * 16, "4711", "sha256:" + "b" * 64, "host/image@sha256:c"
)
RESOURCES = [model_device(MODEL), wetread_device(), organization("Ward\n7"), endpoint(STORE)]


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda r: str(r["resourceType"]))
def test_every_resource_is_valid_and_says_what_it_is_not_for(resource: Resource) -> None:
    get_fhir_model_class(resource["resourceType"]).model_validate(resource)
    assert "not for clinical use" in resource["text"]["div"].lower()
    assert len(resource["identifier"]) == 1


@pytest.mark.parametrize(
    "other",
    [
        replace(MODEL, name="liver"),
        replace(MODEL, version="3"),
        replace(MODEL, weights_digest="sha256:" + "c" * 64),
        replace(MODEL, container="host/i@sha256:d"),
    ],
    ids=["name", "version", "weights", "container"],
)
def test_what_a_model_is_made_of_is_in_its_name(other: AnalysisSource) -> None:
    assert directory_identifier(model_device(other)) != directory_identifier(model_device(MODEL))


def test_which_machine_answered_and_how_it_was_asked_is_not() -> None:
    asked = replace(MODEL, deployed_model="4712", settings_digest="d" * 64)
    assert model_device(asked) == model_device(MODEL)


def test_every_model_of_a_study_has_a_device() -> None:
    findings = study_findings(ct_analysis(), nodule_analysis(NODULE))
    assert set(model_devices(findings)) == {a.source.identity for a in findings.analyses}


def test_the_wheel_has_the_version_that_results_name() -> None:
    settings = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text("utf-8"))
    assert settings["project"]["dynamic"] == ["version"]
    attribute = settings["tool"]["setuptools"]["dynamic"]["version"]["attr"]
    assert attribute == "wetread.core.version.VERSION"
    assert wetread_device()["version"] == [{"value": VERSION}]
