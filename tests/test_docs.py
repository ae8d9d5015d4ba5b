"""The documentation is complete, its links lead somewhere, and what it names exists."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from tests.docs.snippets import snippets
from tools.docs.dags import load_dags
from tools.docs.operators import operator_classes
from tools.docs.pages import generated_pages

from samples import SampleStudy, catalog
from stack.components import AIRFLOW_HEALTH
from stack.ports import DEFAULTS, Ports
from stack.status import client_exports
from wetread.core.alerts.rules import alert_rules
from wetread.core.errors import catalogue
from wetread.core.outcomes import reasons
from wetread.core.settings import Settings, settings_from_json

ROOT = Path(__file__).resolve().parents[1]
DOCS = sorted((ROOT / "docs").rglob("*.md"))
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")] + DOCS
KINDS = {
    "tutorial": "tutorial",
    "how-to": "how-to",
    "reference": "reference",
    "explanation": "explanation",
}
SETTINGS = {field.name for field in fields(Settings)}
DECISIONS = ROOT / "docs/adr"

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_FENCED = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_TOP = "dags|plugins|include|tests|docs|tools|deploy"
_PATH = re.compile(rf"(?:{_TOP})/[\w./-]*|[\w.-]+\.(?:yaml|toml|txt|lock|in)|\.ci/\w+")
_MODULE = re.compile(r"(?<!/)\bwetread(?:\.[a-z_0-9]+)+")
_MAKE = re.compile(r"\bmake ([a-z-]+)\b")


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@cache
def _reference(page: str) -> str:
    return (ROOT / "docs/reference" / page).read_text("utf-8")


@pytest.mark.parametrize("page", DOCS, ids=_name)
def test_page_says_whom_it_is_for_and_of_which_kind_it_is(page: Path) -> None:
    text = page.read_text("utf-8")
    if page.parent == DECISIONS:
        assert re.match(r"# \d+\. .+\n\nStatus: \w+", text), "a decision opens with its status"
        return
    assert text.startswith("---\n"), "front matter is missing"
    header = yaml.safe_load(text.split("---\n")[1])
    assert header["audience"]
    assert header["type"] == KINDS.get(page.parent.name, header["type"])
    assert header["type"] in KINDS.values()


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_links_lead_somewhere(page: Path) -> None:
    broken = [link for link in _links(page) if not _leads_somewhere(page, link)]
    assert broken == []


def _links(page: Path) -> Iterator[str]:
    text = _FENCED.sub("", page.read_text("utf-8"))
    yield from (link for link in _LINK.findall(text) if not link.startswith("http"))


def _leads_somewhere(page: Path, link: str) -> bool:
    name, _, anchor = link.partition("#")
    target = (page.parent / name).resolve() if name else page
    if not target.exists():
        return False
    return not anchor or anchor in _anchors(target.read_text("utf-8"))


def _anchors(text: str) -> set[str]:
    """Return the anchors that GitHub gives headings, and those set by hand."""
    headings = re.findall(r"^#+ (.*)$", _FENCED.sub("", text), re.MULTILINE)
    made = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
    return made | set(re.findall(r'<a id="([\w-]+)">', text))


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_page_names_only_what_exists(page: Path) -> None:
    text = page.read_text("utf-8")
    code = " ".join(_CODE.findall(_FENCED.sub("", text)))
    commands = "\n".join(s.text for s in snippets(page) if s.language in ("bash", "text"))
    paths = [word for word in code.split() if _PATH.fullmatch(word) and not _exists(word)]
    modules = [name for name in _MODULE.findall(code) if not _is_module(name)]
    unknown = set(_MAKE.findall(f"{code}\n{commands}")) - make_targets()
    assert (paths, modules, unknown) == ([], [], set())


def _exists(path: str) -> bool:
    if "/" in path:
        return (ROOT / path).exists()
    return any(next((ROOT / folder).rglob(path), None) for folder in _TOP.split("|")) or (
        (ROOT / path).exists()
    )


def _is_module(name: str) -> bool:
    """Tell whether a dotted name is a module, or something in one."""
    try:
        return bool(find_spec(name) or find_spec(name.rpartition(".")[0]))
    except ModuleNotFoundError:
        return False


def make_targets() -> set[str]:
    (line,) = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    return set(line.split())


@pytest.mark.parametrize("page", DOCS, ids=_name)
def test_settings_in_examples_are_settings(page: Path) -> None:
    """An example that names a setting must be one that an installation would take."""
    for snippet in snippets(page):
        if snippet.language == "json" and (stored := json.loads(snippet.text)).keys() & SETTINGS:
            assert settings_from_json(json.dumps(stored))


def test_every_page_can_be_reached_from_the_index() -> None:
    index = ROOT / "docs/index.md"
    linked = {(index.parent / link.partition("#")[0]).resolve() for link in _links(index)}
    assert [_name(page) for page in DOCS if page != index and page not in linked] == []


@pytest.fixture(scope="module")
def generated() -> dict[str, str]:
    return generated_pages(ROOT)


def test_generated_reference_is_current(generated: dict[str, str]) -> None:
    stale = [name for name, text in generated.items() if (ROOT / name).read_text("utf-8") != text]
    assert stale == [], "run: PYTHONPATH=include .venvs/airflow/bin/python -m tools.docs"


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("settings.md", sorted(SETTINGS)),
        ("errors.md", list(catalogue())),
        ("outcomes.md", list(reasons())),
        ("critical-findings.md", [rule.finding_code for rule in alert_rules()]),
        ("local-stack.md", [f"make {target}" for target in sorted(make_targets())]),
        ("local-stack.md", [row.variable for row in DEFAULTS]),
        ("local-stack.md", list(client_exports(Ports()))),
        ("local-stack.md", list(AIRFLOW_HEALTH)),
    ],
)
def test_reference_lists(page: str, names: list[str]) -> None:
    missing = [name for name in names if f"`{name}`" not in _reference(page)]
    assert names
    assert missing == []


def test_reference_lists_every_service_of_docker_compose() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yaml").read_text("utf-8"))
    page = _reference("local-stack.md").partition("## Services")[2]
    assert [name for name in compose["services"] if f"`{name}`" not in page] == []


def test_reference_lists_every_dag_with_its_tasks_and_parameters() -> None:
    text = _reference("dags.md")
    for dag in load_dags(ROOT / "dags"):
        section = text.partition(f"\n## {dag.dag_id}\n")[2].partition("\n## ")[0]
        names = [*(task.task_id for task in dag.tasks), *dag.params]
        assert [name for name in names if f"`{name}`" not in section] == []


def test_reference_describes_every_operator_and_its_parameters() -> None:
    text = _reference("operators.md")
    for operator in operator_classes():
        section = text.partition(f"\n## {operator.__name__}\n")[2].partition("\n## ")[0]
        rows = re.findall(r"^\| `(\w+)` \| .+? \| (.*) \|$", section, re.MULTILINE)
        assert rows, f"{operator.__name__} is not described"
        assert [name for name, meaning in rows if not meaning] == []


def test_readme_fits_on_a_page_and_warns() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    assert len(text.splitlines()) <= 90
    assert "**Not for clinical use.**" in text.partition("\n## ")[0]


@pytest.mark.parametrize("sample", catalog(), ids=lambda sample: sample.name)
def test_readme_shows_the_demo_as_it_must_end(sample: SampleStudy) -> None:
    """The table in the README is an earlier run's; its counts are what any run must show."""
    (table,) = (s.text for s in snippets(ROOT / "README.md") if s.language == "text")
    (row,) = (line.split() for line in table.splitlines() if line.startswith(f"{sample.name} "))
    expected = sample.expected
    alert = "yes" if expected.alert else "no"
    assert row[2] == expected.modality
    assert row[3:7] == [str(expected.outcomes[name]) for name in expected.outcomes]
    assert row[7] == str(len(expected.findings) + len(expected.model_findings))
    assert row[9:11] == [expected.report_status, alert]
    assert " ".join(row[12:]) == "as expected"
