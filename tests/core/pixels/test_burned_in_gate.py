"""No picture passes the gate with text in it, and none when nobody could look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from tests.core.pixels.cases import image

from wetread.core.errors import PermanentError, problem
from wetread.core.outcomes import Outcome, reasons
from wetread.core.pixels.burned_in.boxes import Picture, TextBox
from wetread.core.pixels.burned_in.gate import WITHHELD_REASONS, TextDetector, TextGate
from wetread.core.pixels.burned_in.rules import TextPolicy
from wetread.core.pixels.errors import PixelError

PIXELS = np.full((40, 60), 200, np.uint8)
LINE = TextBox(5, 10, 25, 20)


@dataclass
class Detector:
    """Finds what it is told to, or fails."""

    boxes: tuple[TextBox, ...] = ()
    failure: Exception | None = None
    searched: list[Picture] = field(default_factory=list)

    def detect(self, pixels: Picture) -> Sequence[TextBox]:
        self.searched.append(pixels)
        if self.failure:
            raise self.failure
        return self.boxes


def us(**attributes: Any) -> Any:
    return image(PIXELS, **{"Modality": "US", "ImageType": ["ORIGINAL", "PRIMARY"], **attributes})


def gate(detector: TextDetector, policy: TextPolicy = TextPolicy.MASK) -> TextGate:
    return TextGate(policy, lambda: detector)


def refusal(detector: TextDetector, dataset: Any, policy: TextPolicy = TextPolicy.MASK) -> str:
    with pytest.raises(PixelError) as raised:
        gate(detector, policy).admit(dataset, PIXELS)
    return raised.value.reason


def test_text_is_painted_over_and_nothing_else_is() -> None:
    admitted = gate(Detector((LINE,))).admit(us(), PIXELS)
    inside = np.zeros(PIXELS.shape, bool)
    inside[10:20, 5:25] = True
    assert admitted.masked_regions == 1
    assert (admitted.pixels[inside] == 0).all()
    assert (admitted.pixels[~inside] == 200).all()
    assert (PIXELS == 200).all(), "the picture that was rendered stays as it was"


def test_colours_are_painted_over_too() -> None:
    colour = np.repeat(PIXELS[..., None], 3, 2)
    admitted = gate(Detector((LINE,))).admit(us(), colour)
    assert not admitted.pixels[10:20, 5:25].any()


def test_a_picture_without_text_passes_as_it_is() -> None:
    detector = Detector()
    admitted = gate(detector, TextPolicy.WITHHOLD).admit(us(), PIXELS)
    assert admitted.pixels is PIXELS
    assert admitted.masked_regions == 0
    assert len(detector.searched) == 1


def test_policy_may_withhold_instead() -> None:
    assert refusal(Detector((LINE,)), us(), TextPolicy.WITHHOLD) == "text-withheld"


def test_a_page_of_text_is_withheld_even_when_text_is_masked() -> None:
    assert refusal(Detector((TextBox(0, 0, 60, 30),)), us()) == "text-withheld"


@pytest.mark.parametrize("failure", [ValueError("DOE^JANE"), MemoryError(), RuntimeError()])
def test_what_nobody_could_search_stays_here(failure: Exception) -> None:
    with pytest.raises(PixelError) as raised:
        gate(Detector(failure=failure)).admit(us(), PIXELS)
    assert raised.value.reason == "text-detection-failed"
    assert "DOE" not in str(raised.value)


def test_a_detector_that_is_not_installed_fails_the_task() -> None:
    def missing() -> TextDetector:
        raise problem("text-detector-missing", "loading it ended with ImportError.")

    with pytest.raises(PermanentError) as raised:
        TextGate(TextPolicy.MASK, missing).admit(us(), PIXELS)
    assert raised.value.code == "text-detector-missing"


def test_the_detector_is_not_even_loaded_for_what_leaves_or_stays_anyway() -> None:
    def never() -> TextDetector:
        raise AssertionError("loaded")

    unused = TextGate(TextPolicy.WITHHOLD, never)
    assert unused.admit(us(Modality="CT"), PIXELS).pixels is PIXELS
    with pytest.raises(PixelError):
        unused.admit(us(Modality="DOC"), PIXELS)


def test_boxes_that_lie_in_each_other_are_one_region() -> None:
    twice = (LINE, TextBox(6, 11, 20, 19), TextBox(30, 10, 50, 20))
    assert gate(Detector(twice)).admit(us(), PIXELS).masked_regions == 2


def test_boxes_may_stick_out_of_the_picture() -> None:
    admitted = gate(Detector((TextBox(-5, -5, 10, 10),))).admit(us(), PIXELS)
    assert not admitted.pixels[:10, :10].any()
    assert admitted.pixels[10:].all()


def test_what_stays_here_ends_with_a_reason_that_people_can_read() -> None:
    outcomes = {reasons()[reason].outcome for reason in WITHHELD_REASONS}
    assert outcomes == {Outcome.SKIPPED, Outcome.UNSUPPORTED}
