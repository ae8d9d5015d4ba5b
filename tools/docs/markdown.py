"""Markdown from the few forms that the code's docstrings use."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

NOTICE = "<!-- Written by `python -m tools.docs` from the code. Change the code instead. -->"


def page(title: str, audience: str, intro: str, *sections: str) -> str:
    """Return a generated reference page."""
    header = f"---\naudience: {audience}\ntype: reference\n---\n{NOTICE}\n\n# {title}"
    return "\n\n".join([header, intro, *sections]) + "\n"


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; a bar inside a cell is escaped, a line break becomes a space."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def code(text: object) -> str:
    return f"`{text}`"


def prose(docstring: str) -> str:
    """Return a docstring's paragraphs as Markdown: roles and double backticks become code."""
    text = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", docstring)
    return re.sub(r"``([^`]+)``", r"`\1`", text)


def numpy_sections(docstring: str) -> tuple[str, dict[str, list[tuple[str, str]]]]:
    """Split a docstring into its prose and its sections (``Parameters``, ``Raises``).

    Each section is a list of terms with their descriptions.
    """
    parts = re.split(r"\n*^(\w+)\n-{3,}\n", docstring, flags=re.MULTILINE)
    sections = {name: _terms(body) for name, body in zip(parts[1::2], parts[2::2], strict=True)}
    return prose(parts[0].strip()), sections


def _terms(body: str) -> list[tuple[str, str]]:
    terms: list[tuple[str, str]] = []
    for line in body.splitlines():
        if line and not line.startswith(" "):
            terms.append((line.split(" : ")[0].strip(), ""))
        elif terms and line.strip():
            name, text = terms[-1]
            terms[-1] = (name, f"{text} {prose(line.strip())}".strip())
    return terms
