"""Answers in the shape that endpoints give them, good and bad, go through their adapters."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.core.predictions.questions import BIAS, QUESTIONS, WEIGHT

from wetread.core.predictions.adapters import ADAPTERS
from wetread.core.predictions.contract import Prediction, PredictionError

GOLDEN = Path(__file__).parent / "golden"
INDEX: dict[str, dict[str, Any]] = tomllib.loads((GOLDEN / "index.toml").read_text("utf-8"))


def recorded(name: str) -> Any:
    """Return the first prediction of a recorded answer; a chat server gives one without a list."""
    predictions = json.loads((GOLDEN / f"{name}.json").read_text("utf-8"))["predictions"]
    return predictions[0] if isinstance(predictions, list) else predictions


def read(name: str) -> Prediction | PredictionError:
    row = INDEX[name]
    return ADAPTERS[row["adapter"]].read(recorded(name), QUESTIONS[row["question"]])


def first_numbers(value: Any) -> Iterator[float]:
    """Yield the first number of each vector of an image, wherever an answer holds it."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name not in ("contrastive_txt_emb", "patch_coordinate"):
                yield from first_numbers(inner)
    elif isinstance(value, list) and isinstance(value[0], float):
        yield value[0]
    elif isinstance(value, list):
        for inner in value:
            yield from first_numbers(inner)


def test_the_index_lists_every_recorded_answer_and_every_adapter() -> None:
    files = {str(path.relative_to(GOLDEN).with_suffix("")) for path in GOLDEN.rglob("*.json")}
    assert files == INDEX.keys()
    assert len(files) >= 30
    assert {row["adapter"] for row in INDEX.values()} == ADAPTERS.keys()


@pytest.mark.parametrize("name", [name for name, row in INDEX.items() if "error" in row])
def test_a_bad_answer_is_an_error_that_quotes_nothing(name: str) -> None:
    found = read(name)
    assert isinstance(found, PredictionError)
    assert found.code == INDEX[name]["error"]
    assert INDEX[name].get("says", "") in found.description
    assert found.is_malformed == (found.code == "MALFORMED")
    for foreign in ("https://", "2.25.", "Bearer", "spacing"):
        assert foreign not in found.description


@pytest.mark.parametrize("name", [name for name, row in INDEX.items() if "scores" in row])
def test_a_good_answer_gives_scores(name: str) -> None:
    found, row = read(name), INDEX[name]
    assert isinstance(found, Prediction)
    assert found.texts == ()
    if row["scores"] != "head":
        assert found.scores == row["scores"]
        assert len(found.detections) == row["detections"]
        return
    numbers = list(first_numbers(recorded(name)))
    head = QUESTIONS[row["question"]].head
    assert head is not None
    pooled = max(numbers) if head.pooling == "max" else sum(numbers) / len(numbers)
    expected = 1 / (1 + math.exp(-(WEIGHT * pooled + BIAS)))
    assert list(found.scores.values()) == [pytest.approx(expected, abs=5e-5)]
    assert found.model is not None
    assert found.model.weights_digest == head.digest
    assert found.embedding is not None
    assert found.embedding.vectors == len(numbers)


@pytest.mark.parametrize("name", [name for name, row in INDEX.items() if "text" in row])
def test_text_is_kept_and_never_becomes_a_score(name: str) -> None:
    found = read(name)
    assert isinstance(found, Prediction)
    assert found.texts == (INDEX[name]["text"],)
    assert (found.scores, found.detections, found.model) == ({}, (), None)


def test_a_nodule_keeps_its_place_its_size_and_its_mask() -> None:
    found = read("detections/nodule_with_mask")
    assert isinstance(found, Prediction)
    (nodule,) = found.detections
    assert (nodule.image_uid, nodule.frame_number) == ("2.25.3108.3", 1)
    assert nodule.point_mm == (12.1, -33.0, 80.2)
    assert nodule.region is not None
    assert nodule.region.centre == (0.42, 0.53)
    (diameter,) = nodule.measurements
    assert (diameter.code, diameter.value, diameter.unit) == ("diameter", 8.1, "mm")
    assert nodule.mask is not None
    assert nodule.mask.array().shape == (2, 3, 5)
    assert nodule.mask.array().all()
    assert (nodule.mask.row, nodule.mask.column) == (200, 210)


def test_the_order_of_patches_in_an_answer_does_not_matter() -> None:
    """A head that joins vectors would otherwise see them in another order than in training."""
    question = QUESTIONS["slide"]
    answer = recorded("path_foundation/two_patches")
    adapter = ADAPTERS["path-foundation"]
    before = adapter.read(answer, question)
    answer["result"]["patch_embeddings"].reverse()
    assert adapter.read(answer, question) == before
