"""Parsing a DAG file is quick and reads nothing; plugins are imported once, under their name."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.dags.conftest import DAG_FILES, REPOSITORY

PLUGINS = REPOSITORY / "plugins"
LIMIT_SECONDS = 1.0
"""Processor time after ``airflow.sdk``; the DAG processor parses every file again and again."""

MARGIN = 3
"""A busy machine shares its caches and its clock."""

READS_EVERYTHING = """
import socket
from pathlib import Path
from airflow.sdk import BaseHook, Variable
Variable.get("wetread_settings")
BaseHook.get_connection("google_cloud_default")
(Path(__file__).parent / "table.toml").read_text()
with socket.socket() as line:
    line.connect_ex(("127.0.0.1", 9))
"""


def run_python(home: Path, *arguments: str, roots: tuple[Path, ...] = ()) -> str:
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PLUGINS),
        "PYTHONPATH": str(PLUGINS),
        "PARSING_ROOTS": os.pathsep.join(map(str, roots)),
    }
    done = subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What parsing each DAG file did, and what one did that reads all that it must not."""
    home = tmp_path_factory.mktemp("parsing")
    bad = home / "bad" / "reads_everything.py"
    bad.parent.mkdir()
    bad.write_text(READS_EVERYTHING, "utf-8")
    (bad.parent / "table.toml").write_text("", "utf-8")
    lines = run_python(
        home,
        str(Path(__file__).with_name("parsing.py")),
        *map(str, [*DAG_FILES, bad]),
        roots=(REPOSITORY / "dags", PLUGINS, bad.parent),
    ).splitlines()
    reports = [json.loads(line) for line in lines if line.startswith("{")]
    return {report["file"]: report for report in reports}


@pytest.mark.parametrize("path", DAG_FILES, ids=lambda path: path.stem)
def test_parsing_is_quick(parsed: dict[str, dict[str, Any]], path: Path) -> None:
    assert parsed[path.name]["seconds"] < LIMIT_SECONDS * MARGIN


@pytest.mark.parametrize("path", DAG_FILES, ids=lambda path: path.stem)
def test_parsing_reads_no_variable_connection_network_or_data(
    parsed: dict[str, dict[str, Any]], path: Path
) -> None:
    assert parsed[path.name]["reads"] == []


def test_a_file_that_reads_would_be_caught(parsed: dict[str, dict[str, Any]]) -> None:
    reads = parsed["reads_everything.py"]["reads"]
    assert reads == ["Variable", "Connection", "file table.toml", "socket.connect"]


def files_that_airflow_imports(folder: Path) -> list[str]:
    """Return the modules that Airflow's plugin loader would import under their bare names."""
    from airflow._shared.module_loading import find_path_from_directory

    found = find_path_from_directory(str(folder), ".airflowignore", "glob")
    return sorted(Path(path).name for path in found if path.endswith(".py"))


def test_the_package_is_kept_from_the_plugin_loader() -> None:
    assert files_that_airflow_imports(PLUGINS) == ["wetread_plugin.py"]


def test_without_the_ignore_file_it_would_not_be(tmp_path: Path) -> None:
    ignored = shutil.ignore_patterns(".airflowignore", "__pycache__")
    copy = shutil.copytree(PLUGINS, tmp_path / "plugins", ignore=ignored)
    assert "errors.py" in files_that_airflow_imports(copy)


LOAD_PLUGINS = """
import json, sys
from airflow import plugins_manager
plugins_manager.ensure_plugins_loaded()
print("\\n" + json.dumps({
    "files": {n: getattr(m, "__file__", None) or "" for n, m in list(sys.modules.items())},
    "errors": {**plugins_manager.get_import_errors()},
    "plugins": [plugin["name"] for plugin in plugins_manager.get_plugin_info()],
}))
"""


def test_airflow_loads_the_plugin_and_nothing_twice(tmp_path: Path) -> None:
    loaded = json.loads(run_python(tmp_path, "-c", LOAD_PLUGINS).splitlines()[-1])
    ours = {name for name, file in loaded["files"].items() if file.startswith(str(PLUGINS))}
    assert "wetread_plugin" in ours
    assert {name.partition(".")[0] for name in ours} <= {"wetread", "wetread_plugin"}
    assert "wetread" in loaded["plugins"]
    assert loaded["errors"] == {}
