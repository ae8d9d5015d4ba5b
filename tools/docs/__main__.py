"""``python -m tools.docs``: write the generated pages; ``--check`` only says which are stale."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tools.docs.pages import generated_pages

REPOSITORY = Path(__file__).resolve().parents[2]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.docs", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if stale")
    options = parser.parse_args()
    stale = []
    for name, text in generated_pages(REPOSITORY).items():
        path = REPOSITORY / name
        if path.exists() and path.read_text("utf-8") == text:
            continue
        stale.append(name)
        if not options.check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
    for name in stale:
        print(f"{'stale' if options.check else 'wrote'} {name}")
    return 1 if options.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
