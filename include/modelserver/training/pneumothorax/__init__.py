"""Trains the pneumothorax model on radiograph phantoms of the training family."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from modelserver.detectors.pneumothorax import prepared
from training.pneumothorax.network import GRID, context_model, features_model, network
from training.pneumothorax.phantoms import SIZE, Phantom, phantom
from training.sessions import session

PHANTOMS = 1500
_HALF = GRID // 2 + 3
_OF_EACH_KIND = {"space": 70, "line": 25, "lungs": 60, "outside": 35}
"""Places that are drawn from each half of a phantom, as far as it has them."""
Places = NDArray[np.float32]


def train(phantoms: int = PHANTOMS) -> bytes:
    """Return the ONNX file; the same bytes each time on one family of processors."""
    pictures = [phantom(seed) for seed in range(phantoms)]
    inputs = [prepared(picture.image) for picture in pictures]
    drawn = [_drawn(picture, seed) for seed, picture in enumerate(pictures)]
    truth = np.concatenate([labels for _, labels in drawn])
    with threadpool_limits(1):
        seen = _seen(features_model(), inputs, [where for where, _ in drawn])
        scaling = _scaling(seen)
        first = _fitted((40, 16), (seen - scaling[0]) / scaling[1], truth)
        seen = _seen(context_model(first, scaling), inputs, [where for where, _ in drawn])
        context_scaling = _scaling(seen)
        second = _fitted((40, 12), (seen - context_scaling[0]) / context_scaling[1], truth[:, 1])
    return network(first, scaling, second, context_scaling)


def _fitted(layers: tuple[int, ...], seen: Places, truth: NDArray[np.bool_]) -> MLPClassifier:
    model = MLPClassifier(
        layers,
        alpha=1e-3,
        batch_size=1024,
        learning_rate_init=2e-3,
        max_iter=30,
        n_iter_no_change=30,
        random_state=5,
    )
    with np.errstate(over="ignore"):
        return model.fit(seen, truth)


def _scaling(seen: Places) -> Places:
    return np.stack([seen.mean(0), seen.std(0) + 1e-4])


def _seen(model: bytes, inputs: list[Places], places: list[NDArray[np.int64]]) -> Places:
    """Return what ``model`` says of the places (half, row, column) of each input."""
    run: Callable = session(model).run
    found = []
    for picture, where in zip(inputs, places, strict=True):
        (answers,) = run(None, {"radiographs": picture})
        found.append(answers[where[:, 0], :, where[:, 1], where[:, 2]])
    return np.concatenate(found)


def _drawn(picture: Phantom, seed: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Draw places of each kind; return where they are, and whether they are lung, space, line."""
    rng = np.random.default_rng([77, seed])
    truth = np.stack([_on_grid(m) for m in (picture.lungs, picture.space, picture.line)], -1)
    both = np.stack([truth, truth[:, ::-1]])
    lungs, space, line = (both[:, :, :_HALF, k] for k in range(3))
    kinds = {"space": space, "line": line, "lungs": lungs & ~space, "outside": ~lungs}
    chosen = []
    for name, count in _OF_EACH_KIND.items():
        found = np.argwhere(kinds[name])
        chosen.append(found[rng.permutation(len(found))[: 2 * count]])
    where = np.concatenate(chosen)
    return where, both[where[:, 0], where[:, 1], where[:, 2]]


def _on_grid(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    step = SIZE // GRID
    return mask.reshape(GRID, step, GRID, step).mean((1, 3)) >= 0.5
