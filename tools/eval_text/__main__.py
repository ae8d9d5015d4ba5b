"""``make eval-text``: recall and false alarms of the detector of burned-in text, by modality."""

from __future__ import annotations

import argparse
import sys
import time

from tools.eval_text.pictures import modalities
from tools.eval_text.scores import ModalityScore, score

from wetread.hooks.text_detection import text_detector

TARGET_RECALL = 0.98
_LINE = "{:<9} {:>8} {:>8} {:>8} {:>9} {:>9} {:>12}"


def main() -> int:
    """Print the table; the status says whether the recall over all modalities is high enough."""
    parser = argparse.ArgumentParser(prog="python -m tools.eval_text", description=__doc__)
    parser.add_argument("--rounds", type=int, default=6, help="times text is burned into a picture")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    print(
        _LINE.format("modality", "strings", "recall", "plain", "masked in", "masked %", "seconds")
    )
    scores = []
    for modality in modalities():
        started = time.perf_counter()
        scores.append(score(modality, arguments.rounds, text_detector(), arguments.seed))
        print(_row(scores[-1], time.perf_counter() - started), flush=True)
    strings, found = sum(s.strings for s in scores), sum(s.found for s in scores)
    print(f"\nRecall {found / strings:.4f} of {strings} strings; the target is {TARGET_RECALL}.")
    for missed in (string for s in scores for string in s.missed):
        print(f"missed: {missed.font}, {missed.size_px} px, {missed.text!r}")
    print(
        "\nrecall: strings of which the box of every letter is masked."
        "\nplain: pictures, or their parts, without text; masked in: how many of them get a mask;"
        "\nmasked %: the share of their pixels that it covers, on average."
    )
    return 0 if found >= TARGET_RECALL * strings else 1


def _row(result: ModalityScore, seconds: float) -> str:
    shares = result.masked_shares
    return _LINE.format(
        result.modality,
        result.strings,
        f"{result.found / result.strings:.3f}",
        len(shares),
        sum(share > 0 for share in shares),
        f"{100 * sum(shares) / len(shares):.1f}",
        f"{seconds:.0f}",
    )


if __name__ == "__main__":
    sys.exit(main())
