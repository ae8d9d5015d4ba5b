"""The measured part of a model card, between two marks."""

from __future__ import annotations

from pathlib import Path

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def write(path: Path, lines: list[str]) -> None:
    """Replace what stands between the marks of the card at ``path``.

    Raises
    ------
    ValueError
        The card does not have both marks, in order.
    """
    text = path.read_text("utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{path.name} has no place for numbers; add {BEGIN} and {END}.")
    path.write_text("\n".join([before + BEGIN, "", *lines, "", END]) + after, "utf-8")
