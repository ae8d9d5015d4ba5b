"""Heads are data: what is wrong with them is said when they are read, not when a patient waits."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.predictions.questions import head_text

from wetread.core.predictions.linear_head import read_linear_head

GOOD: dict[str, Any] = json.loads(head_text("medsiglip/embedding", 3, "mean", "pneumothorax"))
FINDING = {"bias": 0.5, "weights": [1.0, 2.0, 3.0]}


def text(**changes: Any) -> str:
    return json.dumps({**GOOD, **changes})


@pytest.mark.parametrize(
    ("pooling", "dimension", "logit"),
    [("mean", 2, 1.5 * 2 - 1), ("max", 2, 3 * 2 - 1), ("flatten", 4, 0 * 2 - 1)],
)
def test_pooling_says_what_becomes_of_several_vectors(
    pooling: str, dimension: int, logit: float
) -> None:
    head = read_linear_head(head_text("medsiglip/embedding", dimension, pooling, "x"))
    vectors = np.array([[0.0, 9.0], [3.0, 9.0]])
    assert head.scores(vectors) == {"x": pytest.approx(1 / (1 + math.exp(-logit)))}


def test_a_vector_of_another_dimension_is_refused() -> None:
    with pytest.raises(ValueError, match="of 2 numbers, not of 3"):
        read_linear_head(text()).scores(np.zeros((1, 2)))


def test_the_digest_is_that_of_the_text() -> None:
    assert read_linear_head(text()).digest == read_linear_head(text()).digest
    assert read_linear_head(text()).digest != read_linear_head(text(version="2")).digest


@given(numbers=st.lists(st.floats(-1e30, 1e30), min_size=3, max_size=3))
@settings(deadline=None)
def test_a_score_lies_in_its_range_whatever_the_embedding(numbers: list[float]) -> None:
    (score,) = read_linear_head(text()).scores(np.array([numbers])).values()
    assert 0 <= score <= 1


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"dimension": 0}, "dimension"),
        ({"dimension": True}, "dimension"),
        ({"dimension": 4}, "weights must be 4 numbers"),
        ({"pooling": "median"}, "median"),
        ({"embedding": "medsiglip"}, "embedding"),
        ({"embedding": 5}, "embedding"),
        ({"name": "a name"}, "name"),
        ({"findings": {}}, "findings"),
        ({"findings": {"No code": FINDING}}, "finding code"),
        ({"findings": {"x": {"bias": 0.5}}}, "bias"),
        ({"findings": {"x": {**FINDING, "bias": "0"}}}, "bias"),
        ({"findings": {"x": {**FINDING, "weights": [1, True, 2]}}}, "weights"),
        ({"findings": {"x": {**FINDING, "weights": [1, 2, 10**400]}}}, "finite"),
        ({"findings": {"x": {**FINDING, "weights": [1, 2, math.inf]}}}, "Infinity"),
        ({"remark": "for research"}, "each and no other"),
    ],
)
def test_a_wrong_head_is_refused_with_the_field(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        read_linear_head(text(**changes))
