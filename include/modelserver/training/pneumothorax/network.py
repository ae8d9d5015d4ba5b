"""The network as an ONNX graph: fixed filters, then two small perceptrons for each place.

The first perceptron looks at the filters' answers around a place and says how much it looks like
lung, like air beside a lung, and like the edge of a lung. The second sees what the first said
about the neighbourhood and about the same place in the other half of the chest. Input: (n, 1, 192,
192), the chest's side of interest in the left half; output: (n, 1, 96, 96), the probability of air
beside the lung.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.neural_network import MLPClassifier

from training.graphs import Graph, derivatives

SIZE, GRID = 192, 96
_MAPS = 3
_SHIFTS = ((0, 7), (0, 14), (0, -7), (0, -14), (9, 0), (-9, 0))
"""Rows and columns from a place to those whose first answers it sees."""


def features_model() -> bytes:
    """Return the part of the network that has nothing to learn."""
    graph = Graph()
    name, channels = _features(graph)
    return _model(graph, name, channels)


def context_model(first: MLPClassifier, scaling: NDArray[np.float32]) -> bytes:
    """Return the network up to what the second perceptron sees."""
    graph = Graph()
    name, channels = _context(graph, first, scaling)
    return _model(graph, name, channels)


def network(
    first: MLPClassifier,
    scaling: NDArray[np.float32],
    second: MLPClassifier,
    context_scaling: NDArray[np.float32],
) -> bytes:
    """Return the whole network; the scalings are (2, channels): mean and standard deviation."""
    graph = Graph()
    context, _ = _context(graph, first, scaling)
    return _model(graph, graph.perceptron(context, second, context_scaling), 1)


def _model(graph: Graph, output: str, channels: int) -> bytes:
    return graph.model(
        output,
        ("radiographs", ["n", 1, SIZE, SIZE]),
        ("places", ["n", channels, GRID, GRID]),
    )


def _features(graph: Graph) -> tuple[str, int]:
    level, found, energies = "radiographs", [], []
    kernels = graph.constant(derivatives(1.0, 4))
    halves = {"kernel_shape": [2, 2], "strides": [2, 2]}
    for number, size in enumerate((192, 96, 48, 24, 12)):
        edges = graph.add(
            "Pad", level, graph.constant(np.array([0, 0, 4, 4, 0, 0, 4, 4])), mode="edge"
        )
        answers = graph.add("Conv", edges, kernels, kernel_shape=[9, 9])
        if size == SIZE:
            found += [
                graph.add("AveragePool", answers, **halves),
                graph.add("MaxPool", graph.add("Abs", answers), **halves),
            ]
        else:
            found.append(_to_grid(graph, answers, GRID // size))
        if number < 2:
            square = graph.add("Mul", answers, answers)
            at_grid = graph.add("AveragePool", square, **halves) if size == SIZE else square
            energies += [_pooled(graph, at_grid, width) for width in (5, 11)]
        level = graph.add("AveragePool", level, **halves)
    small = graph.constant(np.array(1e-4, np.float32))
    found += [graph.add("Log", graph.add("Add", energy, small)) for energy in energies]
    found.append(_positions(graph, found[0]))
    return graph.add("Concat", *found, axis=1), 6 * (2 + 4 + 4) + 2


def _to_grid(graph: Graph, name: str, factor: int) -> str:
    if factor == 1:
        return name
    scales = graph.constant(np.array([1, 1, factor, factor], np.float32))
    return graph.add("Resize", name, "", scales, mode="linear")


def _pooled(graph: Graph, name: str, width: int) -> str:
    return graph.add(
        "AveragePool",
        name,
        kernel_shape=[width, width],
        pads=[width // 2] * 4,
        count_include_pad=0,
    )


def _positions(graph: Graph, like: str) -> str:
    """Return x and y for each place, as many times as there are radiographs."""
    one = graph.add("Slice", like, *(graph.constant(np.array([k])) for k in (0, 1, 1)))
    none = graph.add("Mul", one, graph.constant(np.array(0, np.float32)))
    at = np.linspace(-1, 1, GRID, dtype=np.float32)
    return graph.add("Add", none, graph.constant(np.stack(np.meshgrid(at, at))[None]))


def _context(graph: Graph, first: MLPClassifier, scaling: NDArray[np.float32]) -> tuple[str, int]:
    features, channels = _features(graph)
    maps = graph.perceptron(features, first, scaling)
    near = _pooled(graph, maps, 5)
    seen = [features, maps, near, _pooled(graph, maps, 11), _pooled(graph, maps, 21)]
    seen += [_shifted(graph, near, *shift) for shift in _SHIFTS]
    seen += [_mirrored(graph, _pooled(graph, features, 7)), _mirrored(graph, near)]
    count = 2 * channels + _MAPS * (4 + len(_SHIFTS) + 1)
    return graph.add("Concat", *seen, axis=1), count


def _shifted(graph: Graph, name: str, rows: int, columns: int) -> str:
    """Return for each place the value that is ``rows`` below and ``columns`` to the right."""
    before = [0, 0, max(-rows, 0), max(-columns, 0)]
    after = [0, 0, max(rows, 0), max(columns, 0)]
    padded = graph.add("Pad", name, graph.constant(np.array(before + after)), mode="edge")
    starts = [max(rows, 0), max(columns, 0)]
    ends = [start + GRID for start in starts]
    limits = (graph.constant(np.array(value)) for value in (starts, ends, [2, 3]))
    return graph.add("Slice", padded, *limits)


def _mirrored(graph: Graph, name: str) -> str:
    backwards = ([GRID - 1], [-GRID - 1], [3], [-1])
    return graph.add("Slice", name, *(graph.constant(np.array(value)) for value in backwards))
