"""The local cloud and its tests stand alone: neither imports anything else of this repository."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

_REPOSITORY = Path(__file__).resolve().parents[2]
_SOURCES = _REPOSITORY / "include/localcloud/src/localcloud"
_TESTS = _REPOSITORY / "tests/contract"
_FOREIGN = {"wetread", "airflow", "dags", "plugins", "stack", "samples", "tools"}


def _imported(file: Path) -> Iterator[str]:
    """Yield the modules that a file imports anywhere in it."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")


@pytest.mark.rule("localcloud.layers", "include/localcloud/README.md#how-it-is-proven")
@pytest.mark.parametrize("folder", [_SOURCES, _TESTS], ids=["sources", "tests"])
def test_nothing_else_of_the_repository_is_imported(folder: Path) -> None:
    files = list(folder.rglob("*.py"))
    assert files
    for file in files:
        for module in _imported(file):
            root, _, rest = module.partition(".")
            assert root not in _FOREIGN, f"{file.name} imports {module}"
            assert root != "tests" or rest.startswith("contract"), f"{file.name} imports {module}"


@pytest.mark.rule("localcloud.layers.clients", "include/localcloud/README.md#how-it-is-proven")
def test_the_tests_know_the_server_only_through_clients() -> None:
    for file in _TESTS.rglob("*.py"):
        roots = {module.partition(".")[0] for module in _imported(file)}
        assert "localcloud" not in roots, f"{file.name} imports the server it judges"


@pytest.mark.rule("localcloud.layers.areas", "include/localcloud/docs/architecture.md#the-map")
@pytest.mark.parametrize(
    ("area", "stranger"),
    [
        ("healthcare/dicom", "healthcare.fhir"),
        ("healthcare/fhir", "healthcare.dicom"),
        ("auth", "healthcare"),
        ("state", "http"),
    ],
)
def test_an_area_does_not_know_what_is_beside_or_above_it(area: str, stranger: str) -> None:
    files = list((_SOURCES / area).rglob("*.py"))
    assert files
    for file in files:
        for module in _imported(file):
            assert not module.startswith(f"localcloud.{stranger}"), f"{file.name} imports {module}"
