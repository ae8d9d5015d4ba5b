"""``make bench-pixels``: pictures a second on one core and on all, as a table and as JSON."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from tools.bench_pixels.images import BenchImage, images
from tools.bench_pixels.ways import WAYS, pillow_size, recipe, wetread

_REPORT = Path(__file__).resolve().parents[2] / "build/bench-pixels.json"
_REPEATS = 4
_SECONDS_PER_REPEAT = 0.15
_TITLES = (
    *("image", "syntax", "wetread", "recipe", "x", "of decode", "of plug-in"),
    *("all cores", "x", "size", "same"),
)
_LEGEND = """
x: times the recipe. of decode: share of the rate of decoding alone, by the plug-in that pydicom
chooses; of plug-in: by the one that wetread chooses. size: bytes to those of the recipe's picture;
same: to what the recipe's encoder makes of wetread's picture. One core: by its CPU seconds, which
a busy machine does not change much; all cores: by the clock, one process for each core.
"""


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
    """Measure every image; the ways take turns, and the best turn is the least disturbed one."""
    parser = argparse.ArgumentParser(prog="python -m tools.bench_pixels", description=__doc__)
    parser.add_argument("--only", default="", help="images whose name begins so, such as CT")
    only = parser.parse_args().only
    cores = os.cpu_count() or 1
    print(f"Pictures a second, best of {_REPEATS} in turns; one core, then {cores}.\n")
    print(_line(*_TITLES))
    rows = []
    with ProcessPoolExecutor(cores) as pool:
        for image in images(only):
            rows.append(_measure(image, pool, cores))
            print(_describe(rows[-1]), flush=True)
    _REPORT.parent.mkdir(exist_ok=True)
    _REPORT.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")
    print(_LEGEND)
    print(f"Also written to build/{_REPORT.name}.")
    return 0


def _measure(image: BenchImage, pool: ProcessPoolExecutor, cores: int) -> Row:
    one: dict[str, list[float]] = {way: [] for way in WAYS}
    every: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(_REPEATS):
        for way in WAYS:
            one[way].append(_rate(way, image, time.process_time))
            clocks = [time.perf_counter] * cores
            rates = pool.map(_rate, [way] * cores, [image] * cores, clocks)
            every[way].append(sum(rates))
    ours = wetread(image.blob)
    return Row(
        image.name,
        image.syntax,
        {way: max(rates) for way, rates in one.items()},
        {way: max(rates) for way, rates in every.items()},
        ours / recipe(image.blob),
        ours / pillow_size(image.blob),
    )


def _rate(way: str, image: BenchImage, clock: Callable[[], float]) -> float:
    """Return pictures a second in this process."""
    count, started = 0, clock()
    while (elapsed := clock() - started) < _SECONDS_PER_REPEAT or not count:
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
