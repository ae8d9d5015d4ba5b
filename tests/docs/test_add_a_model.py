"""The page on adding a model does what it says: its container is asked, in shadow and live."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import pydicom
import pytest
from tests.contract.conftest import RunningCloud
from tests.docs.snippets import snippets
from tests.operators.pipeline import Pipeline

from samples import catalog

ROOT = Path(__file__).resolve().parents[2]
PAGE = list(snippets(ROOT / "docs/how-to/add-a-model.md"))
HERE = '("127.0.0.1", 9000), Handler)'


def block(language: str, part: str = "") -> str:
    (text,) = [s.text for s in PAGE if s.language == language and part in s.text]
    return text


@pytest.fixture
def container(tmp_path: Path) -> Iterator[str]:
    """Run the page's container on any free port; return its address."""
    text = block("python", HERE).replace(HERE, '("127.0.0.1", 0), Handler)')
    assert len(text.splitlines()) <= 42, "the page says 40 lines"
    serve = "ThreadingHTTPServer("
    text = text.replace(serve, f"server = {serve}").replace(".serve_forever()", "")
    text += "print(server.server_address[1], flush=True)\nserver.serve_forever()\n"
    (tmp_path / "container.py").write_text(text, "utf-8")
    with subprocess.Popen(
        [sys.executable, "container.py"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()


def conclusion(pipeline: Pipeline) -> str:
    """Return what the newest version's report says."""
    reports = pipeline.resources("DiagnosticReport")
    return str(max(reports, key=lambda report: report["meta"]["lastUpdated"])["conclusion"])


def test_a_container_of_ones_own_is_deployed_in_shadow_and_then_live(
    bare_cloud: RunningCloud, pipeline: Pipeline, container: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    register = block("bash", "model-servers").replace("http://127.0.0.1:9000", container)
    register = register.replace("127.0.0.1:8600", bare_cloud.storage)
    subprocess.run(["bash", "-euc", register], check=True, timeout=60)

    monkeypatch.setenv("WETREAD_AIPLATFORM_ENDPOINT", bare_cloud.vertex)
    with redirect_stdout(StringIO()) as printed:
        exec(compile(block("python", "deploy_model"), "add-a-model.md", "exec"), {})  # noqa: S102
    assert printed.getvalue() == block("text")

    settings: dict[str, Any] = json.loads(block("json"))
    (study,) = [study for study in catalog() if study.name == "dx-chest"]
    files = [(file.name, file.content) for file in study.files()]
    study_instance_uid = str(pydicom.dcmread(BytesIO(files[0][1])).StudyInstanceUID)
    found = "finding to be confirmed: Pneumothorax"
    for mode, is_shown in (("shadow", False), ("live", True)):
        (row,) = settings["analyses"].values()
        row["mode"] = mode
        variable = json.dumps({"quiet_period_seconds": 1, **settings})
        monkeypatch.setenv("AIRFLOW_VAR_WETREAD_SETTINGS", variable)
        if mode == "shadow":
            pipeline.process("first", files)
        else:
            (run_id,) = pipeline.request(study_instance_uid)
            pipeline.run(run_id)
        assert (found in conclusion(pipeline)) == is_shown
