"""``python -m samples``: list the sample studies, or write them to files."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from samples.catalog import catalog


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m samples", description=__doc__)
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--list", action="store_true", help="name and describe every study")
    action.add_argument("--write", type=Path, metavar="DIR", help="write one folder a study")
    parser.add_argument("names", nargs="*", help="the studies to take; all when none is named")
    options = parser.parse_args(arguments)
    studies = {study.name: study for study in catalog()}
    if unknown := [name for name in options.names if name not in studies]:
        parser.error(f"no study called {', '.join(unknown)}; --list shows them all")
    for name in options.names or studies:
        study = studies[name]
        if options.list:
            print(f"{study.name:20} {study.expected.modality}  {study.description}")
            continue
        for file in study.files():
            path = options.write / study.folder / file.name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.content)
        print(f"{study.name:20} {study.expected.arrived} files")
    return 0


if __name__ == "__main__":
    sys.exit(main())
