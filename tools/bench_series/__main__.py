"""``make bench-series``: a whole CT series through ``AnalyzeImagesOperator``, in time and memory.

What must be waited for and what must be computed cannot be made shorter by overlapping them; the
longer of the two is what an analysis is held to.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from tools.bench_series.steps import (
    LATENCY_SECONDS,
    Analysis,
    Measured,
    analyse,
    installation,
    store,
)

from wetread.core.annotations import IMAGES_PER_REQUEST
from wetread.core.settings import Settings

TARGET_RATIO = 1.3
TARGET_PEAK_BYTES = 600_000_000
_REPORT = Path(__file__).resolve().parents[2] / "build/bench-series.json"
_CORES = os.cpu_count() or 1


@dataclass(frozen=True)
class Terms:
    """What an analysis is held to, in seconds, and its ratio to the larger of the two."""

    wall: float
    vision: float
    lanes: float
    cpu: float
    cloud_cpu: float

    @property
    def cpu_by_cores(self) -> float:
        """The local cloud runs on the same cores, so that its share counts, too."""
        return (self.cpu + self.cloud_cpu) / _CORES

    @property
    def ratio(self) -> float:
        return self.wall / max(self.vision, self.cpu_by_cores)


def terms_of(run: Analysis, concurrency: int) -> Terms:
    """Return the terms; Vision's is what the same requests take alone, with the pictures at hand.

    ``lanes`` is what they would take if a request could be shared by two that are under way: what
    no client can reach unless the requests fill the last round.
    """
    requests = -(-run.images // IMAGES_PER_REQUEST)
    lanes = requests * LATENCY_SECONDS / concurrency
    vision = run.vision_seconds
    return Terms(run.wall_seconds, vision, lanes, run.cpu_seconds, run.cloud_cpu_seconds)


def main() -> int:
    """Measure the time of one series and the memory of a longer one."""
    parser = argparse.ArgumentParser(prog="python -m tools.bench_series", description=__doc__)
    parser.add_argument("--slices", type=int, default=400, help="of the series that is timed")
    parser.add_argument("--long", type=int, default=2000, help="of the one whose memory counts")
    parser.add_argument("--concurrency", type=int, default=Settings().vision_concurrency)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    print(_HEAD.format(cores=_CORES, **vars(arguments)), flush=True)
    timed = _measure(arguments.slices, arguments.concurrency, arguments.repeats + 1)
    cold, *warm = (terms_of(run, arguments.concurrency) for run in timed.runs)
    terms = sorted(warm, key=lambda terms: terms.ratio)[len(warm) // 2]
    to_lanes = terms.wall / max(terms.lanes, terms.cpu_by_cores)
    print(
        _TIMES.format(
            slices=arguments.slices,
            cold=cold,
            terms=terms,
            ratios=_ratios(warm),
            to_lanes=to_lanes,
        )
    )
    longer = _measure(arguments.long, arguments.concurrency, 1)
    seconds = longer.runs[0].wall_seconds
    print(_MEMORY.format(slices=arguments.long, peak=longer.peak_bytes / 1e6, seconds=seconds))
    modelled = _measure(arguments.slices, arguments.concurrency, 1, with_model=True)
    seconds, peak = modelled.runs[0].wall_seconds, modelled.peak_bytes / 1e6
    print(_MODEL.format(slices=arguments.slices, peak=peak, seconds=seconds))
    _write(arguments, timed, longer)
    peaks = longer.peak_bytes, modelled.peak_bytes
    is_reached = terms.ratio <= TARGET_RATIO and max(peaks) <= TARGET_PEAK_BYTES
    return 0 if is_reached else 1


def _measure(slices: int, concurrency: int, repeats: int, *, with_model: bool = False) -> Measured:
    with installation(concurrency, with_model=with_model) as (cloud, environment):
        stored = store(slices, environment)
        return analyse(stored, repeats, cloud, environment)


def _ratios(terms: list[Terms]) -> str:
    return " ".join(f"{each.ratio:.2f}" for each in terms)


def _write(arguments: argparse.Namespace, timed: Measured, longer: Measured) -> None:
    _REPORT.parent.mkdir(exist_ok=True)
    measured = {"arguments": vars(arguments), "timed": asdict(timed), "long": asdict(longer)}
    _REPORT.write_text(json.dumps(measured, indent=2) + "\n")
    print(f"Also written to build/{_REPORT.name}.")


_HEAD = f"""\
CT series of 512 x 512 x 16 bits, uncompressed, every slice sent (sampling CT=all), by
AnalyzeImagesOperator from a DICOM store and to a Vision of a local cloud on these {{cores}} cores.
Each Vision request waits {LATENCY_SECONDS:.2f} s; {{concurrency}} at a time.
Switched off: Vision's computing, the lag of the index. Not measured: upload and import.
"""
_TIMES = """\
{slices} slices, the run with the median ratio
  wall time                       {terms.wall:6.2f} s
  Vision                          {terms.vision:6.2f} s   \
measured: the same requests and nothing else, so many at a time
                                  {terms.lanes:6.2f} s   \
= requests x latency / concurrency, if the last round were full
  CPU                             {terms.cpu_by_cores:6.2f} s   \
= ({terms.cpu:.2f} s of the analysis + {terms.cloud_cpu:.2f} s of the local cloud) / cores
  wall to the larger of the two   {terms.ratio:6.2f}     all runs: {ratios}
  wall to the full rounds         {to_lanes:6.2f}
  The first analysis of the process, with imports: {cold.wall:.2f} s.
"""
_MEMORY = """\
{slices} slices, in a process of its own
  highest memory                  {peak:6.0f} MB   (VmHWM, Airflow and Google's clients included)
  wall time                       {seconds:6.1f} s, imports included
"""

_MODEL = """\
{slices} slices, by reference to the nodule model while Vision looks at each of them
  highest memory of the task      {peak:6.0f} MB
  wall time                       {seconds:6.1f} s, of which nearly all is the model's
"""


if __name__ == "__main__":
    sys.exit(main())
