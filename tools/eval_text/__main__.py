"""``make eval-text``: recall and false alarms of the detector of burned-in text, by modality."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tools.eval_text import held_out, pictures
from tools.eval_text.overlays import HELD_OUT, KNOWN, Wording
from tools.eval_text.scores import ModalityScore, score

from wetread.hooks.text_detection import text_detector

TARGET_RECALL = 0.98
_LINE = "{:<9} {:>8} {:>8} {:>8} {:>9} {:>9} {:>12}"


@dataclass(frozen=True)
class Trial:
    """Pictures by modality, and what is burned into them."""

    name: str
    modalities: Sequence[str]
    pictures: Callable[[str], Iterable[pictures.RealPicture]]
    wording: Wording


TRIALS = (
    Trial(
        "Known: thresholds were chosen on it", pictures.MODALITIES, pictures.real_pictures, KNOWN
    ),
    Trial(
        "Held out: other images, letters and strings, on which nothing was chosen",
        held_out.MODALITIES,
        held_out.held_out_pictures,
        HELD_OUT,
    ),
)


def main() -> int:
    """Print a table for each set; the status says whether recall is high enough on all."""
    parser = argparse.ArgumentParser(prog="python -m tools.eval_text", description=__doc__)
    parser.add_argument("--rounds", type=int, default=6, help="times text is burned into a picture")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    recalls = [_evaluate(trial, arguments.rounds, arguments.seed) for trial in TRIALS]
    print(
        "recall: strings of which the box of every letter is masked."
        "\nplain: pictures, or their parts, without text; masked in: how many of them get a mask;"
        "\nmasked %: the share of their pixels that it covers, on average."
    )
    return 0 if min(recalls) >= TARGET_RECALL else 1


def _evaluate(trial: Trial, rounds: int, seed: int) -> float:
    print(f"{trial.name}\n")
    print(
        _LINE.format("modality", "strings", "recall", "plain", "masked in", "masked %", "seconds")
    )
    scores = []
    for modality in trial.modalities:
        started = time.perf_counter()
        shown = trial.pictures(modality)
        detector = text_detector()
        scores.append(score(modality, shown, trial.wording, detector, rounds=rounds, seed=seed))
        print(_row(scores[-1], time.perf_counter() - started), flush=True)
    strings, found = sum(s.strings for s in scores), sum(s.found for s in scores)
    plain = [share for s in scores for share in s.masked_shares]
    alarms = sum(share > 0 for share in plain)
    print(f"\nRecall {found / strings:.4f} of {strings} strings; the target is {TARGET_RECALL}.")
    print(f"False alarms in {alarms} of {len(plain)} pictures.")
    for missed in (string for s in scores for string in s.missed):
        print(f"missed: {missed.font}, {missed.size_px} px, {missed.text!r}")
    print()
    return found / strings


def _row(result: ModalityScore, seconds: float) -> str:
    shares = result.masked_shares
    return _LINE.format(
        result.modality,
        result.strings,
        f"{result.found / result.strings:.3f}",
        len(shares),
        sum(share > 0 for share in shares),
        f"{100 * sum(shares) / len(shares):.1f}" if shares else "-",
        f"{seconds:.0f}",
    )


if __name__ == "__main__":
    sys.exit(main())
