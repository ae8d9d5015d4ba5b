"""The card of the nodule model, and how measured numbers get into a card."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tools.eval_models import card

import modelserver

CARD = Path(modelserver.__file__).parent / "models" / "phantom-nodule" / "card.md"


def test_card_warns_and_holds_numbers_good_enough() -> None:
    text = CARD.read_text("utf-8")
    assert "not for clinical use" in text.casefold()
    measured = text.partition(card.BEGIN)[2].partition(card.END)[0]
    numbers = re.search(
        r"(\d+) scans, .* sensitivity ([\d.]+), ([\d.]+) false positives a scan", measured
    )
    assert numbers, "run make eval-models ARGS='phantom-nodule --write'"
    scans, sensitivity, false_positives = (float(value) for value in numbers.groups())
    assert scans >= 200
    assert sensitivity >= 0.9
    assert false_positives <= 1


def test_new_numbers_replace_the_old_ones_alone(tmp_path: Path) -> None:
    path = tmp_path / "card.md"
    path.write_text(f"# Model\n{card.BEGIN}\nold\n{card.END}\nlimits\n", "utf-8")
    card.write(path, ["first", "second"])
    card.write(path, ["new"])
    assert path.read_text("utf-8") == f"# Model\n{card.BEGIN}\n\nnew\n\n{card.END}\nlimits\n"


def test_card_without_a_place_for_numbers_is_named(tmp_path: Path) -> None:
    path = tmp_path / "card.md"
    path.write_text("# Model\n", "utf-8")
    with pytest.raises(ValueError, match=r"card\.md"):
        card.write(path, ["new"])
