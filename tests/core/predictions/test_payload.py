"""Bytes travel while they fit, addresses otherwise, and requests are filled by weight first."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wetread.core.errors import PermanentError
from wetread.core.predictions.adapters import ADAPTERS
from wetread.core.predictions.contract import Question
from wetread.core.predictions.payload import (
    DEDICATED,
    SHARED,
    EndpointLimits,
    Form,
    Payload,
    Source,
    batches,
    choose,
)

TOKEN = "ya29.secret"
EVERY = (Form.BYTES, Form.GCS, Form.DICOMWEB)
STORED = "https://store/dicomWeb/studies/2.25.1"
SUBJECT = "series 02 of k1-abc"


def pick(size_bytes: int | None, limits: EndpointLimits = SHARED, **where: Any) -> Payload:
    content = None if size_bytes is None else bytes(size_bytes)
    forms = where.pop("forms", EVERY)
    return choose(Source(content, **where), forms, limits, TOKEN, SUBJECT)


@pytest.mark.parametrize(
    ("size_bytes", "limits", "form"),
    [
        (1_000, SHARED, Form.BYTES),
        (1_100_000, SHARED, Form.BYTES),
        (1_125_000, SHARED, Form.DICOMWEB),
        (1_125_000, DEDICATED, Form.BYTES),
        (7_400_000, DEDICATED, Form.BYTES),
        (7_500_000, DEDICATED, Form.DICOMWEB),
        (None, DEDICATED, Form.DICOMWEB),
    ],
)
def test_bytes_travel_while_their_base64_fits(
    size_bytes: int | None, limits: EndpointLimits, form: Form
) -> None:
    chosen = pick(size_bytes, limits, dicomweb_uri=STORED)
    assert chosen.form is form
    assert (chosen.token is None) == (form is Form.BYTES)


def test_an_address_in_storage_comes_before_one_in_the_dicom_store() -> None:
    where = {"gcs_uri": "gs://b/o.png", "dicomweb_uri": STORED}
    assert pick(None, **where).form is Form.GCS
    assert pick(None, forms=(Form.DICOMWEB,), **where).form is Form.DICOMWEB


def test_what_fits_no_form_is_refused_by_name() -> None:
    for forms, where in (((Form.BYTES,), {"dicomweb_uri": STORED}), (EVERY, {})):
        with pytest.raises(PermanentError, match=SUBJECT) as raised:
            pick(2_000_000, forms=forms, **where)
        assert raised.value.code == "picture-too-large"


def test_neither_token_nor_address_is_ever_printed() -> None:
    source = Source(b"pixels", "gs://b/Doe.png", STORED)
    for printed in (repr(source), repr(pick(None, dicomweb_uri=STORED))):
        for secret in (TOKEN, "2.25.1", "Doe", "pixels"):
            assert secret not in printed


@given(size_bytes=st.integers(0, 20_000))
@settings(deadline=None)
def test_what_is_chosen_as_bytes_fits_the_endpoint(size_bytes: int) -> None:
    limits = EndpointLimits(request_bytes=20_000, timeout_seconds=60)
    chosen = pick(size_bytes, limits, dicomweb_uri=STORED)
    instance = ADAPTERS["detections"].instance(chosen, Question())
    assert len(json.dumps({"instances": [instance]})) <= limits.request_bytes


@given(
    sizes=st.lists(st.integers(0, 3000), max_size=30),
    request_bytes=st.integers(5000, 9000),
    most_instances=st.integers(1, 8),
)
@settings(deadline=None)
def test_batches_keep_order_weight_and_number(
    sizes: list[int], request_bytes: int, most_instances: int
) -> None:
    limits = EndpointLimits(request_bytes, timeout_seconds=60)
    instances = [{"n": n, "input_bytes": "x" * size} for n, size in enumerate(sizes)]
    made = list(batches(iter(instances), limits, most_instances))
    assert [item for batch in made for item in batch] == instances
    for batch in made:
        assert 1 <= len(batch) <= most_instances
        is_light = len(json.dumps({"instances": batch})) <= request_bytes
        assert is_light or len(batch) == 1


def test_weight_fills_a_batch_before_number_does() -> None:
    limits = EndpointLimits(request_bytes=10_000, timeout_seconds=60)
    instances = [{"input_bytes": "x" * 2_500}] * 5
    assert [len(batch) for batch in batches(instances, limits, 3)] == [2, 2, 1]
    assert [len(batch) for batch in batches([{}] * 5, limits, 3)] == [3, 2]
