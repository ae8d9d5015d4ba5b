"""``make eval-models``: what each model of the model server finds in pictures it never saw."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from tools.eval_models import card

import modelserver

MODELS = Path(modelserver.__file__).parent / "models"
EVALUATIONS = {
    "phantom-nodule": "tools.eval_models.nodules",
    "phantom-pneumothorax": "tools.eval_models.pneumothorax",
    "burned-in-text": "tools.eval_models.burned_in_text",
}
"""Model and the module whose ``evaluate(count)`` returns Markdown lines and whether it passes."""


def main() -> int:
    """Print the tables; the status says whether every model meets its own least numbers."""
    parser = argparse.ArgumentParser(prog="python -m tools.eval_models", description=__doc__)
    parser.add_argument("models", nargs="*", help=f"of {', '.join(EVALUATIONS)}; default all")
    parser.add_argument("--count", type=int, default=200, help="pictures or scans for each model")
    parser.add_argument("--write", action="store_true", help="put the numbers into the cards")
    arguments = parser.parse_args()
    unknown = set(arguments.models) - set(EVALUATIONS)
    if unknown:
        parser.error(f"no evaluation for {', '.join(sorted(unknown))}")
    passed = True
    for name in arguments.models or EVALUATIONS:
        evaluate: Callable[[int], tuple[list[str], bool]]
        evaluate = import_module(EVALUATIONS[name]).evaluate
        started = time.perf_counter()
        lines, good = evaluate(arguments.count)
        passed &= good
        print(f"{name}, {time.perf_counter() - started:.0f} s\n", *lines, "", sep="\n")
        if arguments.write:
            card.write(MODELS / name / "card.md", lines)
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
