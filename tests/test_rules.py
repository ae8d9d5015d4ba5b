"""``tools.rules`` counts rules, not tests, and notices a rule that nothing states."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tools.rules.collection import Rules
from tools.rules.page import listing, page, summary

REPOSITORY = Path(__file__).resolve().parents[1]
DOCS = "https://example.org/docs"


def _rules(*marks: tuple[str, tuple[object, ...]]) -> Rules:
    rules = Rules()
    for test, arguments in marks:
        rules.add(test, arguments)
    return rules


def test_a_rule_counts_once_however_often_it_is_proven() -> None:
    rules = _rules(
        ("t.py::one", ("storage.a.b", DOCS)),
        ("t.py::two", ("storage.a.b", DOCS)),
        ("t.py::three", ("fhir.a", DOCS)),
    )
    assert rules.areas() == {"fhir": ["fhir.a"], "storage": ["storage.a.b"]}
    assert summary(rules).split() == ["fhir", "1", "storage", "1", "all", "2"]
    assert not rules.problems


def test_every_rule_is_shown_with_its_source() -> None:
    rules = _rules(("t.py::one", ("storage.a.b", DOCS)))
    assert f"storage.a.b\n      {DOCS}" in listing(rules)
    assert f"| `storage.a.b` | <{DOCS}> |" in page(rules)


@pytest.mark.parametrize(
    "arguments", [(), ("storage.a",), ("storage.a", ""), ("storage", DOCS), (1, DOCS)]
)
def test_a_rule_without_an_id_or_a_source_is_a_problem(arguments: tuple[object, ...]) -> None:
    [problem] = _rules(("t.py::one", arguments)).problems
    assert "t.py::one" in problem


def test_two_sources_of_one_rule_are_a_problem() -> None:
    rules = _rules(
        ("t.py::one", ("storage.a.b", DOCS)), ("t.py::two", ("storage.a.b", f"{DOCS}/other"))
    )
    [problem] = rules.problems
    assert "storage.a.b has two sources" in problem


def _run(tests: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tools.rules", str(tests)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_parametrisations_do_not_count(tmp_path: Path) -> None:
    file = tmp_path / "test_made.py"
    file.write_text(
        "import pytest\n"
        f"@pytest.mark.rule('storage.made', '{DOCS}')\n"
        "@pytest.mark.parametrize('number', range(5))\n"
        "def test_made(number): ...\n"
    )
    done = _run(file)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-2:] == ["all", "1"]


def test_a_test_that_cannot_be_collected_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "test_broken.py"
    file.write_text("import no_such_module\n")
    done = _run(file)
    assert done.returncode != 0
    assert "no_such_module" in done.stderr
