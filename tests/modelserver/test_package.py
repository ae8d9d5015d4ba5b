"""The package stands alone, its documentation is complete, and its models are what they say."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.modelserver.server import REPOSITORY, running

from wetread.core.routing.analysis import Adapter
from wetread.core.routing.table import shipped_analyses

PACKAGE = REPOSITORY / "include/modelserver"
SOURCES = PACKAGE / "src/modelserver"
MODELS = sorted(path for path in (SOURCES / "models").iterdir() if path.is_dir())
MODULES = {"pillow": "PIL", "python-gdcm": "gdcm"}
"""What a requirement is imported as, where that is another name."""


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module).partition(".")[0]


def test_only_what_is_required_is_imported() -> None:
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text("utf-8"))["project"]
    required = {MODULES.get(name, name) for name in project["dependencies"]}
    # What starlette itself is made of; it has no threads of its own.
    allowed = {*required, *sys.stdlib_module_names, "modelserver", "anyio"}
    for path in SOURCES.rglob("*.py"):
        assert set(imported(path)) <= allowed, path


def test_detectors_need_arrays_and_a_session_only() -> None:
    allowed = {*sys.stdlib_module_names, "modelserver", "numpy", "onnxruntime"}
    for path in (SOURCES / "detectors").rglob("*.py"):
        assert set(imported(path)) <= allowed, path


def test_the_readme_lists_every_code() -> None:
    tree = ast.parse((SOURCES / "errors.py").read_text("utf-8"))
    (codes,) = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "CODES"
    ]
    readme = (PACKAGE / "README.md").read_text("utf-8")
    assert dict(re.findall(r"^\| `([A-Z_]+)` \| (.+) \|$", readme, re.MULTILINE)) == codes


def test_every_analysis_of_this_projects_contract_has_its_model() -> None:
    rows = {a.id: a for a in shipped_analyses().values() if a.adapter is Adapter.DETECTIONS}
    assert {path.name for path in MODELS} == rows.keys()
    for path in MODELS:
        described = tomllib.loads((path / "model.toml").read_text("utf-8"))
        row = rows[path.name]
        assert row.findings.keys() <= set(described["codes"])
        assert (described["input"] == "volume") == (row.input == "volume")


@pytest.mark.parametrize("model", MODELS, ids=lambda path: path.name)
def test_a_model_has_a_card_and_pinned_weights(model: Path) -> None:
    assert "not for clinical use" in (model / "card.md").read_text("utf-8").lower()
    described = tomllib.loads((model / "model.toml").read_text("utf-8"))
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", described["weights_digest"])


def test_all_weights_are_small_enough_to_commit() -> None:
    assert sum(path.stat().st_size for path in (SOURCES / "models").rglob("*.onnx")) < 3 << 20


def test_the_shipped_models_load(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        assert f'"models": {len(MODELS)}' in server.log
