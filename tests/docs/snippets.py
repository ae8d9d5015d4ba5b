"""The fenced code of a page, by the heading that it stands under."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^ *```(\w*)[^\n]*\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Snippet:
    """One fenced block; ``language`` is empty where none is given."""

    heading: str
    language: str
    text: str


def snippets(page: Path) -> Iterator[Snippet]:
    """Yield the blocks of a page in order."""
    text = page.read_text("utf-8")
    headings = [
        (match.start(), match[1])
        for match in _HEADING.finditer(_FENCE.sub(lambda m: " " * len(m[0]), text))
    ]
    for match in _FENCE.finditer(text):
        heading = [title for start, title in headings if start < match.start()][-1]
        yield Snippet(heading, match[1], match[2])
