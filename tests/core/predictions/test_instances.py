"""What each model is sent: its own fields, no others, and a token only beside an address."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from tests.core.predictions.questions import QUESTIONS

from wetread.core.predictions.adapters import ADAPTERS
from wetread.core.predictions.contract import Question
from wetread.core.predictions.payload import Form, Payload

TOKEN = "ya29.secret"
PICTURE = b"\x89PNG picture"
ENCODED = base64.b64encode(PICTURE).decode()
SERIES = "https://healthcare.googleapis.com/v1/s/dicomWeb/studies/2.25.7/series/2.25.8"
OBJECT = "gs://bucket/frame.png"
CREDENTIAL = {"bearer_token": TOKEN}
ONE, SLIDE = QUESTIONS["picture"], QUESTIONS["slide"]
PATCHES = [
    {"x_origin": 0, "y_origin": 0, "width": 224, "height": 224},
    {"x_origin": 224, "y_origin": 448, "width": 224, "height": 224},
]
LEVEL = {"series_path": SERIES, "instance_uids": ["2.25.7.1", "2.25.7.2"]}
ACCESS = {"access_credential": TOKEN}

INSTANCES: list[tuple[str, Form, Question, dict[str, Any]]] = [
    ("detections", Form.BYTES, ONE, {"input_bytes": ENCODED}),
    ("detections", Form.GCS, ONE, {"gcs_uri": OBJECT, **CREDENTIAL}),
    ("detections", Form.DICOMWEB, ONE, {"dicomweb_uri": SERIES, **CREDENTIAL}),
    ("cxr-foundation", Form.BYTES, ONE, {"input_bytes": ENCODED}),
    ("cxr-foundation", Form.GCS, ONE, {"gcs_uri": OBJECT, **CREDENTIAL}),
    ("cxr-foundation", Form.DICOMWEB, ONE, {"dicomweb_uri": SERIES, **CREDENTIAL}),
    (
        "path-foundation",
        Form.BYTES,
        SLIDE,
        {"raw_image_bytes": ENCODED, "patch_coordinates": PATCHES},
    ),
    (
        "path-foundation",
        Form.GCS,
        SLIDE,
        {"image_file_uri": OBJECT, **CREDENTIAL, "patch_coordinates": PATCHES},
    ),
    (
        "path-foundation",
        Form.DICOMWEB,
        SLIDE,
        {"dicom_path": LEVEL, **CREDENTIAL, "patch_coordinates": PATCHES},
    ),
    ("medsiglip", Form.BYTES, ONE, {"image": {"input_bytes": ENCODED}}),
    ("medsiglip", Form.GCS, ONE, {"image": {"gcs_uri": OBJECT, **ACCESS}}),
    ("medsiglip", Form.DICOMWEB, ONE, {"image": {"dicomweb_uri": SERIES, **ACCESS}}),
    (
        "medsiglip",
        Form.BYTES,
        SLIDE,
        {"image": {"input_bytes": ENCODED, "patch_coordinates_list": PATCHES}},
    ),
    (
        "medgemma",
        Form.BYTES,
        QUESTIONS["describe"],
        {
            "prompt": "Describe the picture. <start_of_image>",
            "multi_modal_data": {"image": f"data:image/png;base64,{ENCODED}"},
            "max_tokens": 1000,
            "temperature": 0,
            "raw_response": True,
        },
    ),
]


def payload(form: Form, token: str | None = TOKEN) -> Payload:
    if form is Form.BYTES:
        return Payload(form, content=PICTURE)
    return Payload(form, uri=OBJECT if form is Form.GCS else SERIES, token=token)


@pytest.mark.parametrize(("adapter", "form", "question", "expected"), INSTANCES)
def test_an_instance_has_the_models_fields_and_no_others(
    adapter: str, form: Form, question: Question, expected: dict[str, Any]
) -> None:
    assert ADAPTERS[adapter].instance(payload(form), question) == expected


def test_every_form_that_an_adapter_takes_has_an_instance_here() -> None:
    shown = {(adapter, form) for adapter, form, _, _ in INSTANCES}
    assert shown == {(name, form) for name, adapter in ADAPTERS.items() for form in adapter.forms}


@pytest.mark.parametrize("name", sorted(ADAPTERS))
def test_without_a_token_an_address_travels_alone(name: str) -> None:
    for form in set(ADAPTERS[name].forms) - {Form.BYTES}:
        instance = ADAPTERS[name].instance(payload(form, token=None), SLIDE)
        assert "token" not in str(instance)
        assert "credential" not in str(instance)
