"""The tutorial does what it says: its snippets are run, and their output is what it shows."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import redirect_stdout
from io import StringIO
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from tests.contract.conftest import RunningCloud
from tests.docs.snippets import Snippet, snippets
from tests.operators.pipeline import Pipeline

from stack.ports import Ports
from stack.status import client_exports

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = "build/samples"


@pytest.fixture
def exports(bare_cloud: RunningCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """Export what ``make up`` says, with the addresses of the test's local cloud."""
    addresses = {
        "GOOGLE_CLOUD_PROJECT": "wetread-local",
        "STORAGE_EMULATOR_HOST": bare_cloud.storage,
        "PUBSUB_EMULATOR_HOST": bare_cloud.pubsub,
        "WETREAD_HEALTHCARE_ENDPOINT": bare_cloud.healthcare,
        "WETREAD_AIPLATFORM_ENDPOINT": bare_cloud.vertex,
        "WETREAD_VISION_ENDPOINT": bare_cloud.vision,
        "WETREAD_SECRETMANAGER_ENDPOINT": bare_cloud.secretmanager,
    }
    assert addresses.keys() == client_exports(Ports()).keys()
    for name, value in addresses.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("exports")
def test_first_study_runs_as_told(pipeline: Pipeline, tmp_path: Path) -> None:
    page = [
        Snippet(s.heading, s.language, s.text.replace(SAMPLES, str(tmp_path)))
        for s in snippets(ROOT / "docs/tutorial/first-study.md")
    ]
    namespace: dict[str, Any] = {}
    shown = []
    for heading, members in groupby(page, key=lambda snippet: snippet.heading):
        for snippet in members:
            if snippet.language == "bash":
                _run_command(snippet.text)
            elif snippet.language == "python":
                printed = _run_python(snippet.text, namespace)
            else:
                assert printed == snippet.text, f"the output shown under {heading!r} is stale"
                shown.append(heading)
        if heading == "Send it":
            (run_id,) = pipeline.intake()
            pipeline.run(run_id)

    assert shown == ["Read the report", "See the alert", "See where the files went"]


def _run_python(text: str, namespace: dict[str, Any]) -> str:
    with redirect_stdout(StringIO()) as output:
        exec(compile(text, "first-study.md", "exec"), namespace)  # noqa: S102 - our own page
    return output.getvalue()


def _run_command(text: str) -> None:
    """Run a command of the page, but for ``make``: the stack is the test's own."""
    if text.startswith("make "):
        return
    command = text.replace(".venvs/airflow/bin/python", sys.executable)
    subprocess.run(["bash", "-euc", command], cwd=ROOT, env=os.environ, check=True, timeout=60)
