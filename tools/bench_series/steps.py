"""The steps of the bench: a local cloud, and one process after the other that uses it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from tests.modelserver.server import running
from tools.bench.servers import RunningCloud, local_cloud

LATENCY_SECONDS = 0.15
MODEL_IMAGE = "us-central1-docker.pkg.dev/bench/wetread/modelserver:bench"
_BEHAVIOUR = (
    f'--set=latency_seconds={{"vision.*": {LATENCY_SECONDS}}}',
    "--set=vision_computes=false",
)


@dataclass(frozen=True)
class Analysis:
    """One analysis of the series, measured from outside the operator."""

    images: int
    wall_seconds: float
    cpu_seconds: float
    cloud_cpu_seconds: float
    vision_seconds: float


@dataclass(frozen=True)
class Measured:
    """Analyses by one process, and the most memory that it held."""

    runs: tuple[Analysis, ...]
    peak_bytes: int


@contextmanager
def model_server(cloud: RunningCloud, settings: dict[str, Any]) -> Iterator[None]:
    """Run the model server behind the local cloud, and turn the nodule model on in ``settings``."""
    options = (
        f"--storage-endpoint={cloud.addresses['storage']}",
        f"--allow-host={urlsplit(cloud.addresses['healthcare']).netloc}",
    )
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        running(Path(folder), *options) as server,
    ):
        registered = json.dumps({"image": MODEL_IMAGE, "url": server.url})
        address = f"{cloud.addresses['storage']}/_localcloud/model-servers"
        requests.put(address, data=registered, timeout=10).raise_for_status()
        settings["model_image"] = MODEL_IMAGE
        settings["analyses"] = {"phantom-nodule": {"mode": "live"}}
        yield


@contextmanager
def installation(
    vision_concurrency: int, *, with_model: bool = False
) -> Iterator[tuple[RunningCloud, dict[str, str]]]:
    """Yield a local cloud whose Vision only waits, and the environment that leads to it."""
    with (
        local_cloud(*_BEHAVIOUR) as cloud,
        tempfile.TemporaryDirectory(prefix="bench-") as home,
        ExitStack() as servers,
    ):
        endpoints = {name: url for name, url in cloud.addresses.items() if name != "pubsub"}
        endpoints["pubsub"] = f"http://{cloud.addresses['pubsub']}"
        endpoints["aiplatform"] = cloud.addresses["vertex"]
        connection = {
            "conn_type": "google_cloud_platform",
            "extra": {"project": "bench", "is_anonymous": True, "endpoints": endpoints},
        }
        settings: dict[str, Any] = {
            "quiet_period_seconds": 1,
            "sampling": "CT=all",
            "vision_concurrency": vision_concurrency,
        }
        if with_model:
            servers.enter_context(model_server(cloud, settings))
        yield (
            cloud,
            {
                **os.environ,
                "AIRFLOW_HOME": home,
                "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
                "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
                "AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT": json.dumps(connection),
                "AIRFLOW_VAR_WETREAD_SETTINGS": json.dumps(settings),
            },
        )


def store(slices: int, environment: Mapping[str, str]) -> dict[str, Any]:
    """Bring a series in; return its run id and its row of the plan."""
    return dict(_python("tools.bench_series.stored", [str(slices)], environment))


def analyse(
    stored: Mapping[str, Any], repeats: int, cloud: RunningCloud, environment: Mapping[str, str]
) -> Measured:
    """Analyse what :func:`store` stored."""
    row, pid = json.dumps(stored["row"]), str(cloud.pid)
    arguments = [stored["run_id"], row, pid, str(repeats)]
    said = _python("tools.bench_series.analysis", arguments, environment)
    return Measured(tuple(Analysis(**run) for run in said["runs"]), said["peak_bytes"])


def _python(module: str, arguments: list[str], environment: Mapping[str, str]) -> Any:
    """Run a module to its end; return the last line that it printed, which is JSON."""
    command = [sys.executable, "-W", "ignore", "-m", module, *arguments]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])
