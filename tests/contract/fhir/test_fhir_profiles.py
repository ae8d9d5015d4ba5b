"""Validation against profiles that lie in the store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.contract.fhir.fhir_client import (
    FHIR_METHODS,
    FHIR_STORES,
    FhirClient,
    entry,
    patient,
)

METHOD = f"{FHIR_METHODS}/Resource-validate"
PROFILE = "https://example.org/fhir/StructureDefinition/named-patient"
GUIDE = "https://example.org/fhir/ImplementationGuide/site"
GOOD: dict[str, Any] = {
    "name": [{"family": "Ahn"}],
    "gender": "female",
    "language": "en",
    "deceasedBoolean": False,
    "birthDate": "1980-01-01",
}
BROKEN: list[tuple[dict[str, Any], str]] = [
    ({"name": []}, "Patient.name"),
    ({"name": [{"family": "A"}, {"family": "B"}]}, "Patient.name"),
    ({"name": [{"given": ["Ann"]}]}, "Patient.name.family"),
    ({"name": [{"family": "Muchtoolong"}]}, "Patient.name.family"),
    ({"gender": "male"}, "Patient.gender"),
    ({"language": "de"}, "Patient.language"),
    ({"birthDate": "1850-01-01"}, "Patient.birthDate"),
]


def rule(path: str, **rules: Any) -> dict[str, Any]:
    return {"id": path, "path": path, **rules}


def definition() -> dict[str, Any]:
    elements = [
        rule("Patient"),
        rule("Patient.name", min=1, max="1"),
        rule("Patient.name.family", min=1, max="1", maxLength=5),
        rule("Patient.gender", fixedCode="female"),
        rule("Patient.language", patternCode="en"),
        rule("Patient.birthDate", minValueDate="1900-01-01"),
        rule("Patient.deceased[x]", type=[{"code": "boolean"}]),
    ]
    return {
        "resourceType": "StructureDefinition",
        "url": PROFILE,
        "name": "NamedPatient",
        "status": "active",
        "kind": "resource",
        "abstract": False,
        "type": "Patient",
        "differential": {"element": elements},
    }


def guide() -> dict[str, Any]:
    return {
        "resourceType": "ImplementationGuide",
        "url": GUIDE,
        "name": "Site",
        "status": "active",
        "packageId": "example.site",
        "fhirVersion": ["4.0.1"],
        "global": [{"type": "Patient", "profile": PROFILE}],
    }


@pytest.fixture(scope="module")
def profiled(new_store: Callable[..., FhirClient]) -> FhirClient:
    """A store that has the profile and does not enforce it."""
    fhir = new_store()
    assert fhir.create(definition()).status == 201
    return fhir


@pytest.mark.rule("fhir.validate.profile", METHOD)
@pytest.mark.parametrize(
    ("change", "place"),
    [*BROKEN, ({"deceasedBoolean": None, "deceasedDateTime": "2020"}, "Patient.deceased[x]")],
    ids=str,
)
def test_the_rules_of_a_profile_are_checked(
    profiled: FhirClient, change: dict[str, Any], place: str
) -> None:
    assert profiled.validate(patient(**GOOD), "Patient", profile=PROFILE).status == 200
    changed = {name: value for name, value in {**GOOD, **change}.items() if value is not None}
    answer = profiled.validate(patient(**changed), "Patient", profile=PROFILE)
    assert (answer.status, answer.issue["expression"]) == (400, [place])


@pytest.mark.rule("fhir.validate.unknown-profile", METHOD)
def test_a_profile_must_lie_in_the_store(profiled: FhirClient) -> None:
    answer = profiled.validate(patient(), "Patient", profile=f"{PROFILE}-2")
    assert (answer.status, answer.issue["code"]) == (400, "not-found")


@pytest.mark.rule("fhir.validate.no-parameters", METHOD)
def test_validate_takes_the_resource_itself(profiled: FhirClient) -> None:
    wrapped = {
        "resourceType": "Parameters",
        "parameter": [{"name": "resource", "resource": patient()}],
    }
    assert profiled.validate(wrapped, "Patient").status == 400


@pytest.mark.rule("fhir.validate.claimed-profile", METHOD)
def test_a_resource_is_held_to_the_profiles_it_claims(profiled: FhirClient) -> None:
    claim = {"meta": {"profile": [PROFILE]}}
    assert profiled.validate(patient(**GOOD, **claim), "Patient").status == 200
    assert profiled.validate(patient(**claim), "Patient").status == 400
    unknown = {"meta": {"profile": ["https://example.org/elsewhere"]}}
    assert profiled.validate(patient(**unknown), "Patient").status == 200


@pytest.mark.rule("fhir.store.enabledImplementationGuides", FHIR_STORES)
def test_an_enabled_guide_is_enforced(new_store: Callable[..., FhirClient]) -> None:
    fhir = new_store(validationConfig={"enabledImplementationGuides": [GUIDE]})
    # Nothing can be resolved yet, which is no error.
    assert fhir.create(patient()).status == 201
    for item in (definition(), guide()):
        assert fhir.create(item).status == 201
    made = fhir.create(patient(**GOOD))
    assert made.status == 201
    assert fhir.create(patient()).status == 400
    assert fhir.update({**made.body, "gender": "male"}).status == 400
    reference = f"Patient/{made.body['id']}"
    assert fhir.patch(reference, [{"op": "remove", "path": "/name"}]).status == 400
    assert fhir.transaction(entry("POST", "Patient", patient())).status == 400
    (status,) = fhir.bundle("batch", entry("POST", "Patient", patient())).statuses
    assert status.startswith("400")


@pytest.mark.rule("fhir.store.disableProfileValidation", FHIR_STORES)
def test_profile_validation_can_be_disabled(new_store: Callable[..., FhirClient]) -> None:
    config = {"enabledImplementationGuides": [GUIDE], "disableProfileValidation": True}
    fhir = new_store(validationConfig=config)
    for item in (definition(), guide(), patient()):
        assert fhir.create(item).status == 201


@pytest.mark.rule("fhir.store.disableReferenceTypeValidation", FHIR_STORES)
def test_reference_types_can_be_left_unchecked(new_store: Callable[..., FhirClient]) -> None:
    fhir = new_store(validationConfig={"disableReferenceTypeValidation": True})
    made = fhir.create(patient()).body["id"]
    device = {"resourceType": "Device", "owner": {"reference": f"Patient/{made}"}}
    assert fhir.create(device).status == 201
