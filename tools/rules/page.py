"""The rules as lines for a terminal and as a page of the documentation."""

from __future__ import annotations

from tools.rules.collection import Rules

PAGE = "include/localcloud/docs/rules.md"
_INTRO = """\
<!-- Generated from the tests by `python -m tools.rules --write`; do not edit. -->
# Rules

Each row is one documented rule that a contract test proves through an official or independent
client, with the document that states it. Rules that begin with `localcloud.` are promises of the
local cloud itself.
"""


def summary(rules: Rules) -> str:
    """Return the counts."""
    counts = {area: len(ids) for area, ids in rules.areas().items()}
    lines = [f"{area:<16}{count:>5}" for area, count in counts.items()]
    return "\n".join([*lines, f"{'all':<16}{sum(counts.values()):>5}"])


def listing(rules: Rules) -> str:
    """Return every rule with its source, area by area, and the counts."""
    lines = []
    for area, ids in rules.areas().items():
        lines += [area, *(f"  {rule}\n      {rules.sources[rule]}" for rule in ids), ""]
    return "\n".join([*lines, summary(rules)])


def page(rules: Rules) -> str:
    """Return the Markdown page."""
    parts = [_INTRO]
    for area, ids in rules.areas().items():
        parts.append(f"## {area}: {len(ids)} rules\n")
        parts.append("| rule | source |\n|---|---|")
        parts += [f"| `{rule}` | {_source(rules.sources[rule])} |" for rule in ids]
        parts.append("")
    return "\n".join(parts)


def _source(source: str) -> str:
    return f"<{source}>" if source.startswith("http") else source
