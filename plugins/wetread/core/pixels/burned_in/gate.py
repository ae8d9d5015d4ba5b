"""The gate that a picture passes before it leaves: text in it is painted over, or it stays here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from pydicom import Dataset

from wetread.core.pixels.burned_in.boxes import Picture, TextBox, distinct, paint_over, text_mask
from wetread.core.pixels.burned_in.rules import TextAction, TextPolicy, text_facts, text_rule
from wetread.core.pixels.errors import PixelError

TEXT_WITHHELD: Final = "text-withheld"
TEXT_DETECTION_FAILED: Final = "text-detection-failed"
WITHHELD_REASONS: Final = frozenset({TEXT_WITHHELD, TEXT_DETECTION_FAILED})
"""The reasons in ``outcomes.toml`` of pictures that the gate keeps."""

_PAGE_SHARE = 0.4
"""A picture of which text covers more is a page; no line of it may be missed, so it stays here."""


class TextDetector(Protocol):
    """Finds text in 8-bit pictures; it may be called from several threads."""

    def detect(self, pixels: Picture) -> Sequence[TextBox]: ...


@dataclass(frozen=True)
class AdmittedPicture:
    """A picture that may leave, and how many regions of text were painted over in it."""

    pixels: Picture
    masked_regions: int = 0


@dataclass(frozen=True)
class TextGate:
    """Decides by the attributes of an image, and looks for text where they call for it.

    Parameters
    ----------
    policy : what becomes of a picture with text
    detector : returns the detector; called only when a picture has to be searched
    """

    policy: TextPolicy
    detector: Callable[[], TextDetector]

    def admit(self, dataset: Dataset, pixels: Picture) -> AdmittedPicture:
        """Return what may leave of the picture of one of the image's frames.

        Raises
        ------
        PixelError
            ``text-withheld``, or ``text-detection-failed``: a picture that nobody could search
            stays here. The same picture would fail again, so there is no second try.
        WetreadError
            What the detector's loading raises.
        """
        action = text_rule(text_facts(dataset)).action
        if action is TextAction.SEND:
            return AdmittedPicture(pixels)
        if action is TextAction.WITHHOLD:
            raise PixelError(TEXT_WITHHELD, "Images of this kind are withheld.")
        boxes = _search(self.detector(), pixels)
        if not boxes:
            return AdmittedPicture(pixels)
        mask = text_mask((pixels.shape[0], pixels.shape[1]), boxes)
        if self.policy is TextPolicy.WITHHOLD or mask.mean() > _PAGE_SHARE:
            raise PixelError(TEXT_WITHHELD, f"The picture has {len(boxes)} boxes of text.")
        return AdmittedPicture(paint_over(pixels, mask), distinct(boxes))


def _search(detector: TextDetector, pixels: Picture) -> Sequence[TextBox]:
    try:
        return detector.detect(pixels)
    except Exception as error:  # a detector fails in arbitrary ways, and none of them lets text out
        detail = f"Looking for text ended with {type(error).__name__}."
        raise PixelError(TEXT_DETECTION_FAILED, detail) from None
