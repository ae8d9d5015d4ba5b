"""What an adapter reads out of a model's answer: immutable records, or an error as a value.

A prediction knows nothing of thresholds, of shadow mode or of what is critical; it is what one
model said about one instance of a request.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from wetread.core.findings import Region
from wetread.core.predictions.linear_head import LinearHead

MALFORMED = "MALFORMED"
"""The code of an answer that is not what the model's contract says."""

UNSPECIFIED = "UNSPECIFIED"
"""The code of a refusal for which the model gave none."""

_UNSUPPORTED = "UNSUPPORTED_"
_JUDGEMENTS = frozenset(
    {
        "IMAGE_INVALID",
        "REFERENCE_TOO_LARGE",
        "TOO_MANY_PATCHES_ERROR",
        "LEVEL_NOT_FOUND_ERROR",
        "DICOM_TILED_FULL_ERROR",
    }
)
"""What else says of images that they are not for the model; all others may change by tomorrow."""

_MODEL_CODE = re.compile(r"[A-Z][A-Z0-9_]{0,63}", re.ASCII)


@dataclass(frozen=True)
class ModelVersion:
    """Which weights answered, in the model's own words; ``weights_digest`` may be empty."""

    name: str
    version: str
    weights_digest: str


@dataclass(frozen=True)
class Measurement:
    """A number with its unit (UCUM), such as a diameter in mm."""

    code: str
    value: float
    unit: str


@dataclass(frozen=True)
class Mask:
    """The pixels of a finding: a block of ``rows`` x ``columns`` on each of some images.

    ``row`` and ``column`` are the block's first, counted from 0. ``bits`` are those of the boolean
    array (slices, rows, columns) in C order, eight to a byte, the first in the highest bit, the
    last byte filled up with zeros. Without ``sop_instance_uids`` the one picture sent is meant;
    ``frame_numbers`` are theirs, one by one, where an image has several frames.
    """

    sop_instance_uids: tuple[str, ...]
    row: int
    column: int
    rows: int
    columns: int
    bits: bytes
    frame_numbers: tuple[int, ...] = ()

    @property
    def slices(self) -> int:
        return max(1, len(self.sop_instance_uids))

    def array(self) -> np.ndarray:
        """Return the block as booleans (slices, rows, columns)."""
        shape = (self.slices, self.rows, self.columns)
        flat = np.unpackbits(np.frombuffer(self.bits, np.uint8), count=int(np.prod(shape)))
        return flat.reshape(shape).astype(bool)


@dataclass(frozen=True)
class Detection:
    """One place where a model sees a finding, with a score in 0..1.

    Without ``image_uid`` the picture sent is meant. ``point_mm`` is in the patient's coordinates
    (LPS, PS3.3 C.7.6.2.1.1).
    """

    code: str
    score: float
    image_uid: str | None = None
    frame_number: int = 1
    region: Region | None = None
    point_mm: tuple[float, float, float] | None = None
    measurements: tuple[Measurement, ...] = ()
    mask: Mask | None = None


@dataclass(frozen=True)
class EmbeddingNote:
    """Which embedding a linear head was applied to; the vectors themselves are not kept."""

    name: str
    dimension: int
    vectors: int


@dataclass(frozen=True)
class Prediction:
    """What a model said about one instance of a request.

    Parameters
    ----------
    model : None where the model's contract does not say who answers
    scores : best score by finding code, in 0..1, also of what was not found
    images : how many images the model looked at
    embedding : set where the scores are those of a linear head
    texts : free text; may be stored, and is never read into a finding nor shown as one
    """

    model: ModelVersion | None = None
    scores: Mapping[str, float] = field(default_factory=dict)
    detections: tuple[Detection, ...] = ()
    images: int = 1
    embedding: EmbeddingNote | None = None
    texts: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class PredictionError:
    """Why there is no prediction for one instance: a value, for the others may be good.

    ``description`` is this project's own wording: a model's may quote UIDs or a token.
    """

    code: str
    description: str

    @property
    def is_judgement(self) -> bool:
        """Whether the model says that the images are not for it, which it would say again."""
        return self.code.startswith(_UNSUPPORTED) or self.code in _JUDGEMENTS

    @property
    def is_malformed(self) -> bool:
        """Whether the model broke its contract, rather than refused what it was sent."""
        return self.code == MALFORMED


@dataclass(frozen=True)
class ImageExtent:
    """How far places in an image may reach."""

    rows: int
    columns: int
    frames: int = 1


@dataclass(frozen=True)
class PatchSquare:
    """A square of a slide's level, from the top left corner, in pixels."""

    x: int
    y: int
    width: int = 224
    height: int = 224


@dataclass(frozen=True)
class Question:
    """What one instance of a request asks, and so what its answer may name.

    Parameters
    ----------
    codes : finding codes of the analysis; an answer with another is malformed
    images : those that were sent, by SOPInstanceUID; empty where the answer cannot name any
    head : for models that answer with embeddings
    patches : for models that look at places of a slide
    prompt : for models that read text
    is_partial : whether the address holds more than ``images``, which then have to be named
    """

    codes: frozenset[str] = frozenset()
    images: Mapping[str, ImageExtent] = field(default_factory=dict, repr=False)
    head: LinearHead | None = None
    patches: tuple[PatchSquare, ...] = ()
    prompt: str = ""
    is_partial: bool = False


def malformed(what: str) -> PredictionError:
    """Return the error of an answer that breaks its contract; ``what`` names the field."""
    return PredictionError(MALFORMED, f"The model's answer is not what its contract says: {what}.")


def refused(code: object) -> PredictionError:
    """Return the error of an instance that the model would not look at.

    Only a code that looks like one is kept, since anything else may quote the request.
    """
    kept = code if isinstance(code, str) and _MODEL_CODE.fullmatch(code) else UNSPECIFIED
    if kept == MALFORMED:
        kept = UNSPECIFIED
    return PredictionError(kept, f"The model refused the instance with the code {kept}.")
