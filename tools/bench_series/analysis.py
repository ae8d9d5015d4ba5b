"""Analyse a stored series with the real operator, and tell what that took.

Runs in a process of its own: its highest memory is that of one task. Prints one line of JSON.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psutil
from tests.operators.pipeline import CONNECTION, Pipeline, TaskInstance

from wetread.gcp.concurrency import ahead
from wetread.gcp.vision import VisionClient
from wetread.hooks.vision import VisionHook
from wetread.operators.image_analysis import AnalyzeImagesOperator

_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)
_KIBIBYTE = 2**10


def main(run_id: str, row: dict[str, str], cloud_pid: int, repeats: int) -> None:
    """Analyse the series anew several times; the first time loads what an analysis imports.

    Each time but the first Vision is asked the same once more, with the pictures made before.
    """
    pipeline, cloud = Pipeline(), psutil.Process(cloud_pid)
    concurrency = pipeline.installation.settings.vision_concurrency
    runs: list[dict[str, float]] = []
    requests: list[list[bytes]] = []
    for _ in range(repeats):
        _forget_findings(pipeline)
        vision_seconds = _ask_vision(requests, concurrency) if runs else 0.0
        is_first_of_many = repeats > 1 and not runs
        operator = AnalyzeImagesOperator(task_id="analyze_images", study=run_id, row=row)
        started, cpu, of_cloud = time.perf_counter(), time.process_time(), _cpu_seconds(cloud)
        with _remembered(requests) if is_first_of_many else nullcontext():
            result = operator.execute({"ti": TaskInstance()})
        runs.append(
            {
                "images": result["images"],
                "wall_seconds": time.perf_counter() - started,
                "cpu_seconds": time.process_time() - cpu,
                "cloud_cpu_seconds": _cpu_seconds(cloud) - of_cloud,
                "vision_seconds": vision_seconds,
            }
        )
    print(json.dumps({"runs": runs, "peak_bytes": peak_bytes()}))


@contextmanager
def _remembered(requests: list[list[bytes]]) -> Iterator[None]:
    """Fill a list with the pictures of each request to Vision while the block lasts."""
    annotate = VisionClient.annotate

    def remember(client: VisionClient, images: Sequence[bytes], *args: Any, **kwargs: Any) -> Any:
        requests.append(list(images))
        return annotate(client, images, *args, **kwargs)

    with patch.object(VisionClient, "annotate", remember):
        yield


def _ask_vision(requests: Sequence[list[bytes]], concurrency: int) -> float:
    """Send the requests and do nothing else; return how long that takes."""
    client = VisionHook(gcp_conn_id=CONNECTION).client(max_results=10)
    started = time.perf_counter()
    for _ in ahead(concurrency, lambda images: client.annotate(images, "the series"), requests):
        pass
    return time.perf_counter() - started


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
