"""A network of two hidden layers, trained by Adam in numpy."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from training.nodule.examples import Examples

HIDDEN = (48, 24)
_STEPS, _BATCH, _RATE, _DECAY = 3000, 512, 2e-3, 3e-4
_POSITIVE_SHARE = 0.25
"""Share of each batch that shows nodules: they are rare among the candidates."""


@dataclass(frozen=True)
class Network:
    """Normalisation and layers of weights; the last one gives the logit."""

    mean: np.ndarray
    scale: np.ndarray
    layers: tuple[tuple[np.ndarray, np.ndarray], ...]


def fit(examples: Examples, seed: int, steps: int = _STEPS) -> Network:
    """Return the network that tells the examples apart, the same one each time."""
    rng = np.random.default_rng(seed)
    mean = examples.features.mean(axis=0, dtype=np.float64)
    scale = examples.features.std(axis=0, dtype=np.float64) + 1e-3
    inputs = np.clip((examples.features - mean) / scale, -6, 6)
    sizes = (inputs.shape[1], *HIDDEN, 1)
    weights: list[np.ndarray] = []
    for before, after in pairwise(sizes):
        weights += [rng.normal(0, np.sqrt(1 / before), (before, after)), np.zeros(after)]
    groups = [np.flatnonzero(examples.labels), np.flatnonzero(~examples.labels)]
    counts = [int(_BATCH * _POSITIVE_SHARE), _BATCH - int(_BATCH * _POSITIVE_SHARE)]
    means = [np.zeros_like(w) for w in weights]
    squares = [np.zeros_like(w) for w in weights]
    for step in range(1, steps + 1):
        rows = np.concatenate(
            [rng.choice(group, count) for group, count in zip(groups, counts, strict=True)]
        )
        batch = inputs[rows] + rng.normal(0, 0.05, (_BATCH, inputs.shape[1]))
        slopes = _slopes(weights, batch, examples.labels[rows].astype(float))
        rate = _RATE * 0.5 * (1 + np.cos(np.pi * step / steps))
        for index, slope in enumerate(slopes):
            means[index] += 0.1 * (slope - means[index])
            squares[index] += 0.001 * (slope**2 - squares[index])
            ahead = means[index] / (1 - 0.9**step)
            spread = np.sqrt(squares[index] / (1 - 0.999**step)) + 1e-8
            weights[index] -= rate * (ahead / spread + _DECAY * weights[index] * (index % 2 == 0))
    return Network(mean, scale, tuple(zip(weights[::2], weights[1::2], strict=True)))


def logits(network: Network, features: np.ndarray) -> np.ndarray:
    """Return the logit of each row of features (n, f)."""
    state = np.clip((features - network.mean) / network.scale, -6, 6)
    for matrix, offset in network.layers[:-1]:
        state = np.tanh(state @ matrix + offset)
    matrix, offset = network.layers[-1]
    return (state @ matrix + offset)[:, 0]


def _slopes(weights: list[np.ndarray], batch: np.ndarray, labels: np.ndarray) -> list[np.ndarray]:
    """Return the gradient of the cross-entropy by each weight."""
    states = [batch]
    for matrix, offset in zip(weights[:-2:2], weights[1:-2:2], strict=True):
        states.append(np.tanh(states[-1] @ matrix + offset))
    logit = (states[-1] @ weights[-2] + weights[-1])[:, 0]
    error = ((1 / (1 + np.exp(-logit)) - labels) / len(labels))[:, None]
    slopes: list[np.ndarray] = []
    for index in range(len(weights) - 2, -1, -2):
        state = states[index // 2]
        slopes = [state.T @ error, error.sum(axis=0), *slopes]
        error = (error @ weights[index].T) * (1 - state**2)
    return slopes
