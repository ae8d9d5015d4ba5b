"""Whatever JSON a model answers, an adapter returns a value and raises nothing."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.predictions.questions import QUESTIONS
from tests.core.predictions.test_golden_answers import INDEX, recorded

from wetread.core.predictions.adapters import ADAPTERS
from wetread.core.predictions.contract import Prediction, PredictionError

KEYS = st.sampled_from(
    ["model", "scores", "detections", "images", "code", "score", "box", "error", "choices"]
)
NUMBERS = st.floats() | st.integers() | st.just(10**400)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)
GOOD = sorted(name for name, row in INDEX.items() if "error" not in row)


def is_sound(found: Prediction | PredictionError) -> bool:
    """Whether a value holds only scores and places that later steps may trust."""
    if isinstance(found, PredictionError):
        return bool(found.code and found.description)
    scores = [*found.scores.values(), *(d.score for d in found.detections)]
    return all(0 <= score <= 1 for score in scores)


@given(
    answer=JSON, adapter=st.sampled_from(sorted(ADAPTERS)), asked=st.sampled_from(sorted(QUESTIONS))
)
@settings(deadline=None)
def test_any_json_is_read_or_refused(answer: Any, adapter: str, asked: str) -> None:
    assert is_sound(ADAPTERS[adapter].read(answer, QUESTIONS[asked]))


@pytest.mark.parametrize("name", [n for n in GOOD if len(json.dumps(recorded(n))) < 5000])
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_one_wrong_place_in_a_good_answer_is_read_or_refused(name: str, data: Any) -> None:
    """Most wrong answers are nearly right; replace any one value of a good one by any other."""
    answer = copy.deepcopy(recorded(name))
    places = list(_places({"": answer}))
    holder, key = data.draw(st.sampled_from(range(len(places))).map(places.__getitem__))
    replaced = data.draw(JSON)
    changed = replaced if holder is None else answer
    if holder is not None:
        holder[key] = replaced
    row = INDEX[name]
    assert is_sound(ADAPTERS[row["adapter"]].read(changed, QUESTIONS[row["question"]]))


def _places(root: Any) -> Any:
    """Yield every place of a JSON value as its container and key; the root has no container."""
    yield None, ""
    waiting = [root[""]]
    while waiting:
        value = waiting.pop()
        if not isinstance(value, dict | list):
            continue
        keys = value if isinstance(value, dict) else range(len(value))
        for key in keys:
            yield value, key
            waiting.append(value[key])
