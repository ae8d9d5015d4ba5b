"""The network as an ONNX graph: fixed filters, then small perceptrons for each place.

The first perceptron looks at the filters' answers around a place and says how much it looks like
lung, like air beside a lung, and like the edge of a lung. Each further one sees what the one before
said about the neighbourhood and about the same place in the other half of the chest (auto-context,
Tu and Bai, IEEE PAMI 32(10), 2010). Input: a radiograph and its mirror image, (2, 1, 192, 192), the
side of interest in the left half; output: the probability of air beside the lung for each place,
(2, 1, 96, 96), and a score for each side, (2, 1, 1, 1).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from onnx import helper

from training.graphs import Graph, Perceptron, Value, derivatives

SIZE, GRID = 192, 96
HALF = GRID // 2 + 3
"""Columns in which a side is judged: a chest is rarely quite in the middle."""
LUNGS, SPACE, LINE = range(3)
"""What a perceptron says of each place, and the first channels that the next one sees."""
_LIKELIEST = (10, 30, 100, 300)
SUMMARY = 2 * len(_LIKELIEST)
_SOURCE: Value = ("radiographs", ["n", 1, SIZE, SIZE])
_SHIFTS = ((0, 7), (0, 14), (0, -7), (0, -14), (9, 0), (-9, 0))
"""Rows and columns from a place to those whose first answers it sees."""


def stage_model(stages: Sequence[Perceptron]) -> bytes:
    """Return the network up to what the perceptron after ``stages`` sees of each place."""
    graph = Graph()
    return graph.model(_SOURCE, {_seen(graph, stages): ("places", ["n", "c", GRID, GRID])})


def summary_model(stages: Sequence[Perceptron]) -> bytes:
    """Return the network up to what the score of a side is made of."""
    graph = Graph()
    summary = _summary(graph, _judged(graph, stages))
    return graph.model(_SOURCE, {summary: ("sides", ["n", SUMMARY, 1, 1])})


def network(stages: Sequence[Perceptron], score: Perceptron) -> bytes:
    """Return the whole network."""
    graph = Graph()
    space = _judged(graph, stages)
    sides = graph.perceptron(_summary(graph, space), score)
    results: dict[str, Value] = {
        space: ("places", ["n", 1, GRID, GRID]),
        sides: ("sides", ["n", 1, 1, 1]),
    }
    return graph.model(_SOURCE, results)


def _seen(graph: Graph, stages: Sequence[Perceptron]) -> str:
    seen = features = _features(graph)
    for stage in stages:
        seen = _context(graph, features, graph.perceptron(seen, stage))
    return seen


def _judged(graph: Graph, stages: Sequence[Perceptron]) -> str:
    """Return what the last of ``stages`` says of air beside the lung."""
    maps = graph.perceptron(_seen(graph, stages[:-1]), stages[-1])
    limits = ([SPACE], [SPACE + 1], [1])
    return graph.add("Slice", maps, *(graph.constant(np.array(value)) for value in limits))


def _summary(graph: Graph, space: str) -> str:
    """Return the means of the likeliest places, as logarithms of odds, of a side and the other."""
    limits = ([HALF], [3])
    side = graph.add("Slice", space, graph.constant(np.array([0])), *map(_ints(graph), limits))
    flat = graph.add("Reshape", side, graph.constant(np.array([0, 1, 1, -1])))
    most = graph.constant(np.array([max(_LIKELIEST)]))
    name = f"likeliest_{len(graph.nodes)}"
    graph.nodes.append(helper.make_node("TopK", [flat, most], [name, f"{name}_at"], axis=3))
    means = []
    for count in _LIKELIEST:
        first = graph.add("Slice", name, *map(_ints(graph), ([0], [count], [3])))
        means.append(graph.add("ReduceMean", first, axes=[3], keepdims=1))
    means = graph.add("Concat", *means, axis=1)
    low, high = (graph.constant(np.array(value, np.float32)) for value in (1e-4, 1 - 1e-4))
    sure = graph.add("Clip", means, low, high)
    against = graph.add("Sub", graph.constant(np.array(1, np.float32)), sure)
    odds = graph.add("Log", graph.add("Div", sure, against))
    other = graph.add("Slice", odds, *map(_ints(graph), ([-1], [-100], [0], [-1])))
    return graph.add("Concat", odds, other, axis=1)


def _ints(graph: Graph) -> Callable[[list[int]], str]:
    return lambda values: graph.constant(np.array(values))


def _features(graph: Graph) -> str:
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
    return graph.add("Concat", *found, axis=1)


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


def _context(graph: Graph, features: str, maps: str) -> str:
    near = _pooled(graph, maps, 5)
    seen = [maps, features, near, _pooled(graph, maps, 11), _pooled(graph, maps, 21)]
    seen += [_shifted(graph, near, *shift) for shift in _SHIFTS]
    seen += [_mirrored(graph, _pooled(graph, features, 7)), _mirrored(graph, near)]
    return graph.add("Concat", *seen, axis=1)


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
