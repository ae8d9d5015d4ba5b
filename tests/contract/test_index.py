"""``/_localcloud`` says what is served, to programs and to people."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import requests
from tests.contract.conftest import RunningCloud, StartCloud

README = "include/localcloud/README.md#what-is-served"


class _Page(HTMLParser):
    """The ids, the rows and the addresses of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.rows = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.ids += [values["id"] or ""] if "id" in values else []
        self.links += [values[key] or "" for key in ("src", "href") if key in values]
        self.rows += tag == "tr"


def _html(cloud: RunningCloud) -> str:
    url = f"{cloud.storage}/_localcloud"
    answer = requests.get(url, headers={"Accept": "text/html"}, timeout=10)
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    return answer.text


@pytest.fixture(scope="module")
def index(cloud: RunningCloud) -> dict[str, Any]:
    return dict(cloud.admin("GET", ""))


@pytest.mark.rule("localcloud.index.counts", README)
def test_the_counts_are_those_of_the_methods(index: dict[str, Any]) -> None:
    for name, listing in index.items():
        served = [method for method in listing["methods"] if method["served"]]
        assert listing["served"] == len(served) > 0, name
        assert listing["total"] == len(listing["methods"])
        ids = [method["id"] for method in listing["methods"]]
        assert len(ids) == len(set(ids))


@pytest.mark.rule("localcloud.index.revision", README)
def test_each_contract_has_a_revision_or_a_version(index: dict[str, Any]) -> None:
    for listing in index.values():
        assert re.search(r"revision \d{8}|\d+\.\d+\.\d+", listing["source"])


@pytest.mark.rule("localcloud.index.page", README)
def test_the_page_lists_every_method_and_needs_no_network(
    cloud: RunningCloud, index: dict[str, Any]
) -> None:
    text = _html(cloud)
    page = _Page(text)
    assert page.ids == list(index)
    assert page.rows == sum(listing["total"] + 1 for listing in index.values())
    assert all(link.startswith(("#", "data:")) for link in page.links)
    total = sum(listing["served"] for listing in index.values())
    assert f"{total} of" in text


@pytest.mark.rule("localcloud.index.state", README)
def test_the_page_shows_behaviour_faults_and_calls(start_cloud: StartCloud, tmp_path: Path) -> None:
    with start_cloud(tmp_path, "--set", "index_lag_seconds=1.25") as cloud:
        requests.get(f"{cloud.storage}/storage/v1/b?project=index", timeout=10)
        cloud.fault("storage.[<b>]*", status=503)
        text = _html(cloud)
    assert "<dt>index_lag_seconds</dt><dd>1.25</dd>" in text
    assert "<dt>storage.buckets.list</dt><dd>1</dd>" in text
    assert "<dt>storage.[&lt;b&gt;]*</dt><dd>status 503, times 1</dd>" in text
