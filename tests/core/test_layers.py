"""Who may import whom: dags -> operators -> hooks -> gcp -> documents -> core, never backwards."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PLUGINS = REPOSITORY / "plugins"
INCLUDE = REPOSITORY / "include"

RANKS = {"core": 0, "documents": 1, "gcp": 2, "hooks": 3, "links": 3}
RANKS |= dict.fromkeys(("notifiers", "operators", "sensors", "views"), 4)
TASKS = frozenset({"links", "notifiers", "operators", "sensors"})
MAY_IMPORT_WETREAD = frozenset({"dashboard", "federation", "samples", "stack", "viewer"})
"""Of ``include``; they see the plain clients and the core, and nothing of Airflow's."""

PARTS_OF_INCLUDE = frozenset(p.name for p in INCLUDE.iterdir() if p.is_dir()) | {"include"}
IMPURE = frozenset(
    {"airflow", "dicomweb_client", "google", "googleapiclient", "grpc", "httpx", "requests"}
)
FORBIDDEN_IN_CORE = IMPURE | {
    "os",
    "pathlib",
    "random",
    "secrets",
    "shutil",
    "socket",
    "subprocess",
    "tempfile",
    "time",
    "urllib.request",
}
"""Clocks, environments, files and chance come in as arguments."""

OF_DOCUMENTS = frozenset({"jinja2", "markupsafe", "wetread"})
"""What the documents may import besides the standard library."""

IMPURE_CALLS = frozenset(
    {"now", "utcnow", "today", "getenv", "monotonic", "perf_counter", "uuid1", "uuid4"}
)


def imports_of(path: Path) -> Iterator[str]:
    """Yield the full names of all modules that a file imports, at any depth."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield node.module or ""


def modules(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*.py") if "__pycache__" not in path.parts)


def layer_of(path: Path) -> str:
    """Return the layer of a module of ``wetread``."""
    return path.relative_to(PLUGINS / "wetread").parts[0]


PRODUCT = [path for path in modules(PLUGINS / "wetread") if path.parent.name != "wetread"]


def name(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


@pytest.mark.parametrize("path", PRODUCT, ids=name)
def test_no_module_imports_a_higher_layer(path: Path) -> None:
    layer = layer_of(path)
    for imported in imports_of(path):
        if imported.startswith("wetread."):
            other = imported.split(".")[1]
            assert RANKS[other] <= RANKS[layer], f"{layer} imports {imported}"
        assert imported.split(".")[0] not in PARTS_OF_INCLUDE


@pytest.mark.parametrize("path", [p for p in PRODUCT if layer_of(p) == "documents"], ids=name)
def test_documents_need_templates_and_the_core_alone(path: Path) -> None:
    foreign = {module.split(".")[0] for module in imports_of(path)} - sys.stdlib_module_names
    assert foreign <= OF_DOCUMENTS


PURE = [p for p in PRODUCT if layer_of(p) in {"core", "documents"}]


@pytest.mark.parametrize("path", PURE, ids=name)
def test_the_core_and_its_documents_are_pure(path: Path) -> None:
    imported = set(imports_of(path))
    assert not imported & FORBIDDEN_IN_CORE
    assert not {item.split(".")[0] for item in imported} & FORBIDDEN_IN_CORE
    called = {
        node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
    }
    assert not called & IMPURE_CALLS
    assert "open" not in called


@pytest.mark.parametrize("path", [p for p in PRODUCT if layer_of(p) == "gcp"], ids=name)
def test_the_clients_know_nothing_of_airflow(path: Path) -> None:
    assert "airflow" not in {imported.split(".")[0] for imported in imports_of(path)}


@pytest.mark.parametrize("path", modules(REPOSITORY / "dags"), ids=name)
def test_a_dag_is_made_of_tasks(path: Path) -> None:
    """A DAG file wires tasks and takes names from the core; a task's body may open a hook."""
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("wetread."):
            assert (node.module or "").split(".")[1] in {*TASKS, "core"}
    for imported in imports_of(path):
        assert imported.split(".")[0] not in PARTS_OF_INCLUDE
        assert not imported.startswith("wetread.gcp")


@pytest.mark.parametrize("path", modules(INCLUDE), ids=name)
def test_what_runs_beside_airflow_sees_clients_and_core_alone(path: Path) -> None:
    part = path.relative_to(INCLUDE).parts[0]
    for imported in imports_of(path):
        if imported.partition(".")[0] == "wetread":
            assert part in MAY_IMPORT_WETREAD, f"{part} imports {imported}"
            assert imported.split(".")[1] in {"core", "gcp"}


IMPORT_THE_CORE = """
import importlib, json, pkgutil, sys
import PIL.Image, numpy, pydicom
before = set(sys.modules)
import wetread.core
names = [m.name for m in pkgutil.walk_packages(wetread.core.__path__, "wetread.core.")]
for name in names:
    importlib.import_module(name)
print(json.dumps({"imported": names, "loaded": sorted(set(sys.modules) - before)}))
"""
"""What the libraries that the core may use load for themselves does not count."""


def test_importing_the_whole_core_loads_nothing_impure_or_heavy() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_THE_CORE],
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(PLUGINS)},
    )
    result = json.loads(done.stdout)
    assert {"wetread.core.plan", "wetread.core.fhir.bundle"} <= set(result["imported"])
    top_level = {loaded.split(".")[0] for loaded in result["loaded"]}
    assert not top_level & (IMPURE | {"fhir", "highdicom"})
