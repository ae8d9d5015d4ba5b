"""Trains the pneumothorax model on radiograph phantoms of the training family."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from modelserver.detectors.pneumothorax import prepared
from training.graphs import Perceptron
from training.pneumothorax.network import (
    GRID,
    HALF,
    LINE,
    LUNGS,
    SPACE,
    network,
    stage_model,
    summary_model,
)
from training.pneumothorax.phantoms import SIZE, phantom
from training.sessions import session

PHANTOMS = 1200
STAGES = 3
_FOR_SCORES = 0.25
"""Share of the phantoms that the places are not learnt from, but the score of a side."""
_VISIBLE = 30
"""So many places make a pneumothorax that can be asked for; smaller ones count as neither."""
_DRAWN = {"space": 60, "line": 20, "lung": 60, "outside": 30, "mistaken": 60}
"""Places of each kind that are drawn from a phantom; mistaken: where the stage before was wrong."""


@dataclass(frozen=True)
class Example:
    """A phantom as the network sees it, and what is true of it on the network's grid."""

    pictures: NDArray[np.float32]
    truth: NDArray[np.bool_]
    """(2, 3, rows, columns): of the picture and its mirror image, in the order of the maps."""


def train(phantoms: int = PHANTOMS) -> bytes:
    """Return the ONNX file; the same bytes each time on one family of processors."""
    examples = [example(seed) for seed in range(phantoms)]
    for_places = examples[: round(phantoms * (1 - _FOR_SCORES))]
    stages: list[Perceptron] = []
    with threadpool_limits(1):
        while len(stages) < STAGES:
            stages.append(_stage(for_places, stages))
        score = _score(examples[len(for_places) :], stages)
    return network(stages, score)


def example(seed: int) -> Example:
    """Return the phantom that ``seed`` names."""
    picture = phantom(seed)
    masks = {LUNGS: picture.lungs, SPACE: picture.space, LINE: picture.line}
    step = SIZE // GRID
    truth = np.stack(
        [masks[k].reshape(GRID, step, GRID, step).mean((1, 3)) >= 0.5 for k in sorted(masks)]
    )
    return Example(prepared(picture.image), np.stack([truth, truth[:, :, ::-1]]))


def _stage(examples: list[Example], before: list[Perceptron]) -> Perceptron:
    """Fit one more perceptron to places of the examples."""
    run = session(stage_model(before)).run
    seen, truth = [], []
    for number, picture in enumerate(examples):
        (answers,) = run(None, {"radiographs": picture.pictures})
        rng = np.random.default_rng([len(before), number])
        half, row, column = _drawn(rng, picture, answers if before else None).T
        seen.append(answers[half, :, row, column])
        truth.append(picture.truth[half, :, row, column])
    return Perceptron.fit(np.concatenate(seen), np.concatenate(truth), (64, 32))


def _drawn(
    rng: np.random.Generator, picture: Example, answers: NDArray[np.float32] | None
) -> NDArray[np.int64]:
    """Return places, (n, 3): picture or mirror image, row, column."""
    lungs, space, line = picture.truth[:, :, :, :HALF].swapaxes(0, 1)
    kinds = {"space": space, "line": line, "lung": lungs & ~space, "outside": ~lungs}
    chosen = []
    for name, mask in kinds.items():
        found = np.argwhere(mask)
        chosen.append(found[rng.permutation(len(found))[: _DRAWN[name]]])
    if answers is not None:
        wrong = np.where(space, 0, answers[:, SPACE, :, :HALF]).astype(float) ** 2
        likely = wrong.ravel() / wrong.sum()
        at = rng.choice(likely.size, _DRAWN["mistaken"], p=likely)
        chosen.append(np.stack(np.unravel_index(at, wrong.shape), 1))
    return np.concatenate(chosen)


def _score(examples: list[Example], stages: list[Perceptron]) -> Perceptron:
    """Fit the score of a side, with as many sides that are sick as well in what it sees."""
    run = session(summary_model(stages)).run
    seen = [run(None, {"radiographs": picture.pictures})[0][:, :, 0, 0] for picture in examples]
    places = np.concatenate([p.truth[:, SPACE, :, :HALF].sum((1, 2)) for p in examples])
    sick, well = places >= _VISIBLE, places == 0
    often = np.where(sick, max(1, round(well.sum() / max(sick.sum(), 1))), well.astype(int))
    return Perceptron.fit(
        np.repeat(np.concatenate(seen), often, 0), np.repeat(sick, often), (4,), epochs=150
    )
