"""The README does what it says: its commands are run, but for those that start a server."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.contract.conftest import RunningCloud
from tests.docs.snippets import snippets
from tests.modelserver.series import Series
from tests.modelserver.server import REPOSITORY, RunningServer, running
from tests.modelserver.stores import fill
from tests.modelserver.test_predict import png

COMMANDS = [s for s in snippets(REPOSITORY / "include/modelserver/README.md") if s.language]


def commands(heading: str) -> list[str]:
    """Return the commands of a section that start no server."""
    starts = "/bin/modelserver"
    return [s.text for s in COMMANDS if s.heading == heading and starts not in s.text]


def run(command: str, folder: Path, address: str, server: RunningServer, **environ: str) -> str:
    """Run what the README says in a folder, with the test's server at its address."""
    assert "127.0.0.1" not in command or address in command
    text = command.replace(address, urlsplit(server.url).netloc)
    done = subprocess.run(
        ["bash", "-euc", text],
        cwd=folder,
        env={**os.environ, **environ},
        stdout=subprocess.PIPE,
        check=True,
        timeout=60,
    )
    return done.stdout.decode()


def answers(text: str) -> list[Any]:
    """Return the JSON documents that stand one after the other."""
    found, decoder = [], json.JSONDecoder()
    while text := text.strip():
        document, end = decoder.raw_decode(text)
        found.append(document)
        text = text[end:]
    return found


def test_try_it(cloud: RunningCloud, tmp_path: Path) -> None:
    (tmp_path / "image.png").write_bytes(base64.b64decode(png(96, 96)["input_bytes"]))
    series = Series()
    address = f"{fill(cloud, series.slices())}/{series.path}"
    picture, volume = commands("Try it")
    with running(tmp_path, f"--allow-host={urlsplit(cloud.healthcare).netloc}") as server:
        health, seen = answers(run(picture, tmp_path, "127.0.0.1:8604", server))
        (read,) = answers(run(volume, tmp_path, "127.0.0.1:8604", server, SERIES=address))
    assert health["status"] == "ok"
    assert seen["predictions"][0]["model"]["name"] == "burned-in-text"
    assert read["predictions"][0]["error"]["code"] == "UNSUPPORTED_SERIES", "it has no lungs"


def test_a_model_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "image.png").write_bytes(base64.b64decode(png(96, 96)["input_bytes"]))
    write, ask = commands("Add a model")
    subprocess.run(["bash", "-euc", write], cwd=tmp_path, check=True, timeout=60)
    with running(tmp_path, f"--models={tmp_path}/mine/models", PYTHONPATH=str(tmp_path)) as server:
        (answer,) = answers(run(ask, tmp_path, "127.0.0.1:8614", server))
    (prediction,) = answer["predictions"]
    assert prediction["model"]["name"] == "bright"
    assert prediction["scores"] == {"pneumothorax": 1.0}
