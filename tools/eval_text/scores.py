"""What a detector found of what was burned in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from tools.eval_text.overlays import BurnedPicture, BurnedString, Wording, burn
from tools.eval_text.pictures import RealPicture

from wetread.core.pixels.burned_in.boxes import Picture, text_mask
from wetread.core.pixels.burned_in.gate import TextDetector

STRINGS_PER_PICTURE = 6


@dataclass(frozen=True)
class ModalityScore:
    """The strings that were burned into pictures of a modality, and the shares masked in vain.

    ``masked_shares`` are those of pictures without text.
    """

    modality: str
    strings: int
    missed: tuple[BurnedString, ...]
    masked_shares: tuple[float, ...]

    @property
    def found(self) -> int:
        return self.strings - len(self.missed)


def score(
    modality: str,
    pictures: Iterable[RealPicture],
    wording: Wording,
    detector: TextDetector,
    *,
    rounds: int,
    seed: int,
) -> ModalityScore:
    """Burn text into each picture of a modality some times over, and look for it."""
    random = np.random.default_rng(seed)
    strings, missed, shares = 0, [], []
    for picture in pictures:
        for _ in range(rounds):
            burned = burn(picture.pixels, STRINGS_PER_PICTURE, random, wording)
            strings += len(burned.strings)
            missed += missed_strings(burned, detector)
        plain = picture.without_text
        if plain is not None:
            shares.append(_masked_share(plain, detector))
    return ModalityScore(modality, strings, tuple(missed), tuple(shares))


def missed_strings(burned: BurnedPicture, detector: TextDetector) -> Sequence[BurnedString]:
    """Return the strings of which a pixel of some letter's box would stay visible."""
    rows, columns = burned.pixels.shape[:2]
    mask = text_mask((rows, columns), detector.detect(burned.pixels))
    return [
        string
        for string in burned.strings
        if not all(mask[b.top : b.bottom, b.left : b.right].all() for b in string.letters)
    ]


def _masked_share(pixels: Picture, detector: TextDetector) -> float:
    mask = text_mask((pixels.shape[0], pixels.shape[1]), detector.detect(pixels))
    return float(mask.mean())
