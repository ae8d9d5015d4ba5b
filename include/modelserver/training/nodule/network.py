"""A network of two hidden layers, trained by Adam in numpy and written as ONNX."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

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
    for before, after in zip(sizes, sizes[1:], strict=False):
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


def to_onnx(networks: list[Network], offset: float) -> bytes:
    """Return ONNX from ``features`` (n, f) to ``scores`` (n): the networks' mean, moved by ``offset``.

    The mean is one of logits, before the sigmoid; the offset sets which candidates score 0.5.
    """
    nodes, constants, outputs = [], [], []

    def constant(name: str, value: np.ndarray) -> str:
        constants.append(numpy_helper.from_array(np.asarray(value, np.float32), name))
        return name

    def step(operator: str, sources: list[str], result: str) -> str:
        nodes.append(helper.make_node(operator, sources, [result]))
        return result

    bounds = [constant("lowest", np.array(-6)), constant("highest", np.array(6))]
    for name, network in ((f"network{index}", each) for index, each in enumerate(networks)):
        state = step("Sub", ["features", constant(f"{name}.mean", network.mean)], f"{name}.centred")
        state = step("Div", [state, constant(f"{name}.scale", network.scale)], f"{name}.scaled")
        state = step("Clip", [state, *bounds], f"{name}.clipped")
        for depth, (matrix, bias) in enumerate(network.layers):
            weights = [constant(f"{name}.w{depth}", matrix), constant(f"{name}.b{depth}", bias)]
            state = step("Gemm", [state, *weights], f"{name}.sum{depth}")
            if depth < len(network.layers) - 1:
                state = step("Tanh", [state], f"{name}.state{depth}")
        outputs.append(state)
    mean = step("Mean", outputs, "mean")
    moved = step("Add", [mean, constant("offset", np.array([[offset]]))], "moved")
    constants.append(numpy_helper.from_array(np.array([1], np.int64), "axis"))
    step("Squeeze", [step("Sigmoid", [moved], "column"), "axis"], "scores")
    width = len(networks[0].mean)
    graph = helper.make_graph(
        nodes,
        "nodule",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["candidates", width])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["candidates"])],
        constants,
    )
    model = helper.make_model(
        graph,
        producer_name="modelserver",
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=9,
    )
    onnx.checker.check_model(model)
    return model.SerializeToString(deterministic=True)
