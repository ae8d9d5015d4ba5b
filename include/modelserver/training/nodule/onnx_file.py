"""The networks as one ONNX file."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from training.nodule.network import Network


def written(networks: list[Network], offset: float) -> bytes:
    """Return ONNX from ``features`` (n, f) to ``scores`` (n): the networks' mean and ``offset``.

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
