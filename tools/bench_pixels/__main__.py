"""``make bench-pixels``: pictures a second on one core and on all, as a table and as JSON."""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from tools.bench_pixels.images import BenchImage, images
from tools.bench_pixels.ways import WAYS, pillow_size, recipe, wetread

_REPORT = Path(__file__).resolve().parents[2] / "build/bench-pixels.json"
_REPEATS = 5
_SECONDS_PER_REPEAT = 0.3


@dataclass(frozen=True)
class Row:
    """One image: pictures a second by way, on one core and on all, and file sizes."""

    image: str
    syntax: str
    per_second: Mapping[str, float]
    per_second_all_cores: Mapping[str, float]
    size_to_recipe: float
    size_to_pillow: float


def main() -> int:
    """Measure every image; the ways take turns, so that a busy machine slows all of them."""
    cores = os.cpu_count() or 1
    print(f"Pictures a second, medians of {_REPEATS} in turns; one core, then {cores}.\n")
    print(
        _line(
            "image",
            "syntax",
            "wetread",
            "recipe",
            "x",
            "of decode",
            "of plug-in",
            "all cores",
            "x",
            "size",
            "same",
        )
    )
    rows = []
    with ProcessPoolExecutor(cores) as pool:
        for image in images():
            rows.append(_measure(image, pool, cores))
            print(_describe(rows[-1]), flush=True)
    _REPORT.parent.mkdir(exist_ok=True)
    _REPORT.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")
    print(
        "\nx: times the recipe. of decode: share of the rate of decoding alone, by pydicom's default;"
        "\nof plug-in: by the decoder that wetread takes. size: bytes to those of the recipe's"
        "\npictures; same: to what the recipe's encoder makes of wetread's pictures."
        f"\nAlso written to build/{_REPORT.name}."
    )
    return 0


def _measure(image: BenchImage, pool: ProcessPoolExecutor, cores: int) -> Row:
    one: dict[str, list[float]] = {way: [] for way in WAYS}
    every: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(_REPEATS):
        for way in WAYS:
            one[way].append(_rate(way, image))
            rates = pool.map(_rate, [way] * cores, [image] * cores)
            every[way].append(sum(rates))
    ours = wetread(image.blob)
    return Row(
        image.name,
        image.syntax,
        {way: statistics.median(rates) for way, rates in one.items()},
        {way: statistics.median(rates) for way, rates in every.items()},
        ours / recipe(image.blob),
        ours / pillow_size(image.blob),
    )


def _rate(way: str, image: BenchImage) -> float:
    """Return pictures a second in this process, after one that warms the caches."""
    WAYS[way](image.blob)
    count, started = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - started) < _SECONDS_PER_REPEAT or not count:
        WAYS[way](image.blob)
        count += image.frames
    return count / elapsed


def _describe(row: Row) -> str:
    one, every = row.per_second, row.per_second_all_cores
    return _line(
        row.image,
        row.syntax,
        f"{one['wetread']:.0f}",
        f"{one['recipe']:.1f}",
        f"{one['wetread'] / one['recipe']:.1f}",
        f"{one['wetread'] / one['decode']:.0%}",
        f"{one['wetread'] / one['plugin']:.0%}",
        f"{every['wetread']:.0f}",
        f"{every['wetread'] / every['recipe']:.1f}",
        f"{row.size_to_recipe:.2f}",
        f"{row.size_to_pillow:.2f}",
    )


def _line(*cells: str) -> str:
    widths = (30, 14, 8, 8, 6, 10, 11, 10, 6, 6, 6)
    first, *others = (
        f"{cell:<{width}}" if index < 2 else f"{cell:>{width}}"
        for index, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return "".join((first, *others))


if __name__ == "__main__":
    sys.exit(main())
