"""ONNX graphs, written node by node: fixed filters, and perceptrons fitted by scikit-learn."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

Value = tuple[str, list[str | int]]
"""A tensor's name and shape, unknown sizes by name."""
OPSET, IR_VERSION = 17, 8
"""What every onnxruntime since 1.12 reads."""


def derivatives(sigma: float, reach: int) -> NDArray[np.float32]:
    """Return a Gaussian and its first and second derivatives, (6, 1, n, n), scale-normalised."""
    at = np.arange(-reach, reach + 1) / sigma
    g = np.exp(-(at**2) / 2)
    g /= g.sum()
    first, second = -at * g, (at**2 - 1) * g
    second -= second.mean()
    pairs = [(g, g), (g, first), (first, g), (g, second), (second, g), (first, first)]
    return np.array([np.outer(rows, columns) for rows, columns in pairs], np.float32)[:, None]


@dataclass(frozen=True)
class Perceptron:
    """A perceptron and how its inputs are scaled: (2, channels), mean and standard deviation."""

    fitted: MLPClassifier
    scaling: NDArray[np.float32]

    @classmethod
    def fit(
        cls,
        seen: NDArray[np.float32],
        truth: NDArray[np.bool_],
        layers: tuple[int, ...],
        *,
        epochs: int = 15,
    ) -> Perceptron:
        """Fit one to what was ``seen`` of each example, (examples, channels)."""
        scaling = np.stack([seen.mean(0), seen.std(0) + 1e-4])
        fitted = MLPClassifier(
            layers,
            alpha=1e-3,
            batch_size=min(1024, len(seen)),
            learning_rate_init=2e-3,
            max_iter=epochs,
            n_iter_no_change=epochs,
            random_state=5,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the epochs are counted
            fitted.fit((seen - scaling[0]) / scaling[1], truth)
        return cls(fitted, scaling)


class Graph:
    """Collects nodes and constants; each method adds one and returns the name of its output."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def add(self, kind: str, *inputs: str, **attributes: object) -> str:
        name = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant(self, value: NDArray[np.generic]) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def perceptron(self, name: str, perceptron: Perceptron) -> str:
        """Apply ``perceptron`` to the channels at each place; its scaling goes into a layer."""
        mean, deviation = perceptron.scaling
        fitted = perceptron.fitted
        kernels = [fitted.coefs_[0] / deviation[:, None], *fitted.coefs_[1:]]
        biases = [fitted.intercepts_[0] - mean @ kernels[0], *fitted.intercepts_[1:]]
        for number, (kernel, bias) in enumerate(zip(kernels, biases, strict=True), start=1):
            weights = self.constant(kernel.T[:, :, None, None].astype(np.float32))
            name = self.add("Conv", name, weights, self.constant(bias.astype(np.float32)))
            name = self.add("Relu" if number < len(kernels) else "Sigmoid", name)
        return name

    def model(self, source: Value, results: Mapping[str, Value]) -> bytes:
        """Return the bytes of the model from ``source`` to ``results``, by the node's output."""
        values = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in (source, *results.values())
        ]
        ends = [
            helper.make_node("Identity", [output], [name]) for output, (name, _) in results.items()
        ]
        graph = helper.make_graph(
            [*self.nodes, *ends], "detector", values[:1], values[1:], self.constants
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
        model.ir_version = IR_VERSION
        onnx.checker.check_model(model)
        return model.SerializeToString(deterministic=True)
