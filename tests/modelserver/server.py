"""A real model server in a process of its own."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from tests.modelserver.placeholders import IDENTITY_ONNX

REPOSITORY = Path(__file__).resolve().parents[2]
COMMAND = REPOSITORY / ".venvs/modelserver/bin/python"
HOLDERS = {
    "bright-spot": ("BrightSpot", "volume", ["CT"]),
    "bright-area": ("BrightArea", "image", []),
    "bright-dx": ("BrightArea", "image", ["DX", "CR"]),
    "not-a-number": ("NotANumber", "image", []),
    "picky": ("Picky", "image", []),
    "gated": ("Gated", "image", []),
}
_SECONDS = 60.0


@dataclass(frozen=True)
class RunningServer:
    """A started model server; ``log`` is what it wrote."""

    url: str
    process: subprocess.Popen[str]
    folder: Path

    @property
    def log(self) -> str:
        return (self.folder / "server.log").read_text("utf-8")

    def post(self, model: str, body: Any, **options: Any) -> requests.Response:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        url = f"{self.url}/v1/models/{model}:predict"
        return requests.post(url, data=data, timeout=_SECONDS, **options)

    def predict(self, model: str, *instances: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the predictions of instances, which the server must accept."""
        answer = self.post(model, {"instances": instances})
        assert answer.status_code == 200, answer.text
        predictions: list[dict[str, Any]] = answer.json()["predictions"]
        assert len(predictions) == len(instances)
        return predictions

    def peak_mib(self) -> float:
        """Return the most memory that the process ever had."""
        status = Path(f"/proc/{self.process.pid}/status").read_text("utf-8")
        (line,) = [row for row in status.splitlines() if row.startswith("VmHWM")]
        return int(line.split()[1]) / 1024


def write_model(folder: Path, name: str, holder: str, form: str, modalities: list[str]) -> Path:
    """Write a model that consists of a placeholder; returns its folder."""
    path = folder / name
    path.mkdir(parents=True)
    (path / "model.onnx").write_bytes(base64.b64decode(IDENTITY_ONNX))
    (path / "model.toml").write_text(
        f'version = "3"\ndetector = "tests.modelserver.placeholders:{holder}"\n'
        f'input = "{form}"\ncodes = ["bright", "dim"]\nmodalities = {json.dumps(modalities)}\n',
        "utf-8",
    )
    return path


def launch(folder: Path, *options: str, **environ: str) -> subprocess.Popen[str]:
    """Start the command in a folder; it logs to ``server.log`` there."""
    with (folder / "server.log").open("w") as log:
        return subprocess.Popen(
            [COMMAND, "-m", "modelserver", *options],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY), **environ},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )


@contextmanager
def listening(folder: Path, *options: str, **environ: str) -> Iterator[RunningServer]:
    """Run a server on any free port while the block lasts; it may still be loading."""
    process = launch(folder, "--port=0", *options, **environ)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line, (folder / "server.log").read_text("utf-8")
        yield RunningServer(json.loads(line)["url"], process, folder)
    finally:
        process.terminate()
        try:
            process.wait(_SECONDS)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


@contextmanager
def running(folder: Path, *options: str, **environ: str) -> Iterator[RunningServer]:
    """Run a server and wait until it is healthy."""
    with listening(folder, *options, **environ) as server:
        wait_until(lambda: is_healthy(server))
        yield server


@contextmanager
def running_placeholders(folder: Path, *options: str, **environ: str) -> Iterator[RunningServer]:
    """Run a server with the placeholders as its models."""
    for name, holder in HOLDERS.items():
        write_model(folder / "models", name, *holder)
    with running(folder, f"--models={folder / 'models'}", *options, **environ) as server:
        yield server


def is_healthy(server: RunningServer) -> bool:
    route = f"{server.url}/health"
    return requests.get(route, timeout=_SECONDS).status_code == 200


def wait_until(condition: Any) -> None:
    deadline = time.monotonic() + _SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
