"""Analyse a stored series with the real operator, and tell what that took.

Runs in a process of its own: its highest memory is that of one task. Prints one line of JSON.
"""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path
from typing import Any

import psutil
from tests.operators.pipeline import Pipeline, TaskInstance

from wetread.operators.image_analysis import AnalyzeImagesOperator

_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)
_KIBIBYTE = 2**10


def main(run_id: str, row: dict[str, str], cloud_pid: int, repeats: int) -> None:
    """Analyse the series anew several times; the first time loads what an analysis imports."""
    pipeline, cloud = Pipeline(), psutil.Process(cloud_pid)
    pipeline.installation.settings  # noqa: B018 - Airflow reads its configuration at the first use
    runs = []
    for _ in range(repeats):
        _forget_findings(pipeline)
        operator = AnalyzeImagesOperator(task_id="analyze_images", study=run_id, row=row)
        started, cpu, of_cloud = time.perf_counter(), time.process_time(), _cpu_seconds(cloud)
        result = operator.execute({"ti": TaskInstance()})
        runs.append(
            {
                "images": result["images"],
                "wall_seconds": time.perf_counter() - started,
                "cpu_seconds": time.process_time() - cpu,
                "cloud_cpu_seconds": _cpu_seconds(cloud) - of_cloud,
            }
        )
    print(json.dumps({"runs": runs, "peak_bytes": peak_bytes()}))


def peak_bytes() -> int:
    """Return the most memory that this process ever held, as Linux counts it."""
    (kibibytes,) = _PEAK.findall(Path("/proc/self/status").read_text())
    return int(kibibytes) * _KIBIBYTE


def _cpu_seconds(process: psutil.Process) -> float:
    times: Any = process.cpu_times()
    return float(times.user + times.system)


def _forget_findings(pipeline: Pipeline) -> None:
    """Delete the findings, which a second try would read instead of analysing again."""
    bucket = pipeline.installation.storage.client.bucket("wetread-state")
    for blob in list(bucket.list_blobs(match_glob="studies/*/findings/**")):
        blob.delete()


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
