"""``python -m tools.rules``: list the documented rules that the contract tests prove.

Fails when a rule has no source, or two. ``--write`` also renders the page, ``--check`` says
whether the page is stale.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tools.rules.collection import collect
from tools.rules.page import PAGE, listing, page, summary

_REPOSITORY = Path(__file__).resolve().parents[2]


def main() -> int:
    """Print the list; return 1 when a rule is wrong or the page is stale."""
    parser = argparse.ArgumentParser(prog="python -m tools.rules", description=__doc__)
    parser.add_argument("paths", nargs="*", default=["tests/contract"], help="tests to collect")
    parser.add_argument("--counts", action="store_true", help="print only the counts")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--write", action="store_true", help=f"write {PAGE}")
    what.add_argument("--check", action="store_true", help=f"say whether {PAGE} is stale")
    options = parser.parse_args()
    rules = collect(options.paths)
    sys.stdout.write((summary(rules) if options.counts else listing(rules)) + "\n")
    for problem in rules.problems:
        sys.stderr.write(f"rules: {problem}\n")
    path = _REPOSITORY / PAGE
    stale = not path.exists() or path.read_text("utf-8") != page(rules)
    if options.write and stale:
        path.write_text(page(rules), "utf-8")
    if options.check and stale:
        sys.stderr.write(f"rules: {PAGE} is stale; run python -m tools.rules --write\n")
    return 1 if rules.problems or (options.check and stale) else 0


if __name__ == "__main__":
    sys.exit(main())
