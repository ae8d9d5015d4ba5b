"""Trains the model that sees text burned into pictures."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from training.burned_in_text.network import STEP, WINDOW, network, statistics_model
from training.burned_in_text.pictures import Picture, drawn, real
from training.burned_in_text.writing import lettering, write
from training.graphs import Perceptron
from training.sessions import session

ROUNDS = 12
"""How often each real picture is used, with and without text; a drawn one comes with each."""
_SHARE_OF_TEXT = 0.18
"""A window with less of its area in a line of text, but some, is used for neither class."""
_OF_A_PICTURE = 60


def train(rounds: int = ROUNDS) -> bytes:
    """Return the ONNX file; the same bytes each time on one family of processors."""
    rng = np.random.default_rng(4848)
    run = session(statistics_model()).run
    seen, truth = [], []
    with threadpool_limits(1):
        for picture, boxes in _examples(rng, rounds):
            (found,) = run(None, {"pictures": picture[None, None]})
            share = window_shares(boxes)
            for is_text in (False, True):
                where = np.argwhere(share >= _SHARE_OF_TEXT if is_text else share == 0)
                where = where[rng.permutation(len(where))[:_OF_A_PICTURE]]
                seen.append(found[0][:, where[:, 0], where[:, 1]].T)
                truth.append(np.full(len(where), is_text))
        judge = Perceptron.fit(np.concatenate(seen), np.concatenate(truth), (48, 16), epochs=30)
    return network(judge)


def window_shares(boxes: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return which share of each window lies in ``boxes``."""
    views = np.lib.stride_tricks.sliding_window_view(boxes, (WINDOW, WINDOW))
    return views[::STEP, ::STEP].mean((2, 3))


def _examples(rng: np.random.Generator, rounds: int) -> Iterator[tuple[Picture, NDArray[np.bool_]]]:
    """Yield pictures, cut to a size, and where they have text: half of them have none."""
    pictures = list(real())
    for number in range(rounds * 2 * len(pictures)):
        picture = pictures[number // 2 % len(pictures)] if number % 2 else drawn(rng)
        picture = _cut(rng, picture)
        if rng.random() < 0.2:
            picture = 1 - picture
        plain = np.zeros(picture.shape, bool)
        yield write(rng, picture, lettering) if number % 4 < 2 else (picture, plain)


def _cut(rng: np.random.Generator, picture: Picture, size: int = 320) -> Picture:
    rows, columns = (int(rng.integers(max(1, n - size + 1))) for n in picture.shape)
    turned = np.rot90(picture[rows : rows + size, columns : columns + size], rng.integers(4))
    return np.ascontiguousarray(turned * np.float32(rng.uniform(0.4, 1.0)))
