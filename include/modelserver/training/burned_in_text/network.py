"""The network as an ONNX graph: statistics of edges in windows of 48 x 48, and a perceptron.

Input: (n, 1, rows, columns), 0..1; output: (n, 1, windows down, windows across), the probability
that a window shows text, one window each 16 pixels.
"""

from __future__ import annotations

import numpy as np

from training.graphs import Graph, Perceptron, derivatives

WINDOW, STEP = 48, 16
_REACH = 4
_INNER = WINDOW - 2 * _REACH
_SMALL = 1e-5
SIGMAS = (0.7, 1.5)
Pair = tuple[int, int]


def statistics_model() -> bytes:
    """Return the part of the network that has nothing to learn."""
    graph = Graph()
    return _model(graph, _statistics(graph), "c")


def network(judge: Perceptron) -> bytes:
    """Return the whole network."""
    graph = Graph()
    return _model(graph, graph.perceptron(_statistics(graph), judge), 1)


def _model(graph: Graph, output: str, channels: int | str) -> bytes:
    return graph.model(
        ("pictures", ["n", 1, "rows", "columns"]),
        {output: ("windows", ["n", channels, "down", "across"])},
    )


def _statistics(graph: Graph) -> str:
    """Return for each window: how strong edges are, how rare, how uneven in rows and columns."""
    kernels = np.concatenate([derivatives(sigma, _REACH)[1:] for sigma in SIGMAS])
    answers = graph.add("Conv", "pictures", graph.constant(kernels), kernel_shape=[9, 9])
    square = graph.add("Mul", answers, answers)
    mean = _mean(graph, square, (_INNER, _INNER), (STEP, STEP))
    fourth = _mean(graph, graph.add("Mul", square, square), (_INNER, _INNER), (STEP, STEP))
    found = [_log(graph, mean), _log(graph, fourth)]
    found += [_unevenness(graph, square, **strips) for strips in _PARTS]
    cells = _mean(graph, square, (8, 8), (8, 8))
    found.append(_log(graph, graph.add("MaxPool", cells, kernel_shape=[5, 5], strides=[2, 2])))
    strongest = graph.add("MaxPool", graph.add("Abs", answers), **_window())
    found.append(_log(graph, strongest))
    found += _range(graph)
    return graph.add("Concat", *found, axis=1)


def _window() -> dict[str, list[int]]:
    return {"kernel_shape": [_INNER, _INNER], "strides": [STEP, STEP]}


_PARTS: tuple[dict[str, Pair], ...] = (
    {"part": (4, _INNER), "part_step": (4, STEP), "count": (10, 1), "count_step": (4, 1)},
    {"part": (_INNER, 4), "part_step": (STEP, 4), "count": (1, 10), "count_step": (1, 4)},
    {"part": (8, 8), "part_step": (8, 8), "count": (5, 5), "count_step": (2, 2)},
)
"""Rows, columns and cells: what is averaged first, its step, how many are a window, their step."""


def _unevenness(
    graph: Graph, square: str, *, part: Pair, part_step: Pair, count: Pair, count_step: Pair
) -> str:
    """Return the logarithm of the mean square of the parts' means: more than the mean's square."""
    means = _mean(graph, square, part, part_step)
    return _log(graph, _mean(graph, graph.add("Mul", means, means), count, count_step))


def _range(graph: Graph) -> list[str]:
    """Return the brightest, the darkest and the mean of each window, and its variance."""
    cut = graph.constant(np.array([_REACH, _REACH]))
    end = graph.constant(np.array([-_REACH, -_REACH]))
    inner = graph.add("Slice", "pictures", cut, end, graph.constant(np.array([2, 3])))
    squares = graph.add("Mul", inner, inner)
    size, step = (_INNER, _INNER), (STEP, STEP)
    return [
        graph.add("MaxPool", inner, **_window()),
        graph.add("MaxPool", graph.add("Neg", inner), **_window()),
        _mean(graph, inner, size, step),
        _log(graph, _mean(graph, squares, size, step)),
    ]


def _mean(graph: Graph, name: str, size: tuple[int, int], step: tuple[int, int]) -> str:
    return graph.add("AveragePool", name, kernel_shape=list(size), strides=list(step))


def _log(graph: Graph, name: str) -> str:
    return graph.add("Log", graph.add("Add", name, graph.constant(np.array(_SMALL, np.float32))))
