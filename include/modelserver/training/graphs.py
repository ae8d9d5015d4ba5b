"""ONNX graphs, written node by node: fixed filters, and perceptrons fitted by scikit-learn."""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from sklearn.neural_network import MLPClassifier

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

    def perceptron(self, name: str, fitted: MLPClassifier, scaling: NDArray[np.float32]) -> str:
        """Apply ``fitted`` to the channels at each place, after subtracting the mean and dividing.

        ``scaling`` is (2, channels), mean and standard deviation; it goes into the first layer.
        """
        mean, deviation = scaling
        kernels = [fitted.coefs_[0] / deviation[:, None], *fitted.coefs_[1:]]
        biases = [fitted.intercepts_[0] - mean @ kernels[0], *fitted.intercepts_[1:]]
        for number, (kernel, bias) in enumerate(zip(kernels, biases, strict=True), start=1):
            weights = self.constant(kernel.T[:, :, None, None].astype(np.float32))
            name = self.add("Conv", name, weights, self.constant(bias.astype(np.float32)))
            name = self.add("Relu" if number < len(kernels) else "Sigmoid", name)
        return name

    def model(
        self, output: str, source: tuple[str, list[object]], result: tuple[str, list[object]]
    ) -> bytes:
        """Return the bytes of the model from ``source`` to ``output``; both with their shapes."""
        value = helper.make_tensor_value_info
        self.nodes.append(helper.make_node("Identity", [output], [result[0]]))
        graph = helper.make_graph(
            self.nodes,
            "detector",
            [value(source[0], TensorProto.FLOAT, source[1])],
            [value(result[0], TensorProto.FLOAT, result[1])],
            self.constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
        model.ir_version = IR_VERSION
        onnx.checker.check_model(model)
        return model.SerializeToString(deterministic=True)
