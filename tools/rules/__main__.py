"""``python -m tools.rules``: list the documented rules that the contract tests prove.

Fails when a rule has no source, or two. ``--write`` also renders the page of rules and the README's
table of what is served; ``--check`` says whether they are stale.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tools.rules.collection import Rules, collect
from tools.rules.page import PAGE, listing, page, summary
from tools.rules.served import README, with_table

_REPOSITORY = Path(__file__).resolve().parents[2]


def main() -> int:
    """Print the list; return 1 when a rule is wrong or the page is stale."""
    parser = argparse.ArgumentParser(prog="python -m tools.rules", description=__doc__)
    parser.add_argument("paths", nargs="*", default=["tests/contract"], help="tests to collect")
    parser.add_argument("--counts", action="store_true", help="print only the counts")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--write", action="store_true", help=f"write {PAGE} and {README}'s table")
    what.add_argument("--check", action="store_true", help="say whether they are stale")
    options = parser.parse_args()
    rules = collect(options.paths)
    sys.stdout.write((summary(rules) if options.counts else listing(rules)) + "\n")
    for problem in rules.problems:
        sys.stderr.write(f"rules: {problem}\n")
    stale = _stale_pages(rules) if options.write or options.check else {}
    for name, text in stale.items():
        if options.write:
            (_REPOSITORY / name).write_text(text, "utf-8")
        else:
            sys.stderr.write(f"rules: {name} is stale; run python -m tools.rules --write\n")
    return 1 if rules.problems or (options.check and stale) else 0


def _stale_pages(rules: Rules) -> dict[str, str]:
    """Return the new text of each page that is not up to date."""
    readme = (_REPOSITORY / README).read_text("utf-8")
    pages = {PAGE: page(rules), README: with_table(readme)}
    return {
        name: text
        for name, text in pages.items()
        if not (path := _REPOSITORY / name).exists() or path.read_text("utf-8") != text
    }


if __name__ == "__main__":
    sys.exit(main())
