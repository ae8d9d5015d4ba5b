"""The rows that the documentation shows can be pasted into the settings as they are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from wetread.core.settings import settings_from_json

DOCS = Path(__file__).parents[3] / "docs"
SETTINGS = [
    pytest.param(block, id=f"{path.stem}-{number}")
    for path in sorted(DOCS.rglob("*.md"))
    for number, block in enumerate(re.findall(r"```json\n(.*?)```", path.read_text("utf-8"), re.S))
    if '"analyses"' in block
]


def test_the_documentation_shows_rows() -> None:
    assert len(SETTINGS) >= 2


@pytest.mark.parametrize("block", SETTINGS)
def test_a_documented_row_is_right(block: str) -> None:
    assert settings_from_json(block).analyses
