"""From what a model answered to what counts as found: thresholds, places, and what is absent."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wetread.core.errors import problem
from wetread.core.findings import Absence, Finding, ImageReference, Mask, Measurement
from wetread.core.predictions.contract import Detection, Prediction
from wetread.core.predictions.contract import Mask as PredictedMask
from wetread.core.terminology import is_measure


@dataclass(frozen=True)
class Answer:
    """A prediction and what it is about.

    ``images`` are those that were sent, by SOPInstanceUID, the first of which is meant where the
    model names none. ``is_to_scale`` says whether pixels of what was sent are pixels of the image.
    """

    prediction: Prediction
    images: Mapping[str, ImageReference]
    is_to_scale: bool = True

    @property
    def first(self) -> ImageReference:
        return next(iter(self.images.values()))


def findings_of(
    answers: Sequence[Answer], thresholds: Mapping[str, float], subject: str
) -> tuple[tuple[Finding, ...], tuple[Absence, ...]]:
    """Return what reached its threshold, and what was looked for and did not.

    A code whose score reached it without a place is a finding of its image as a whole.

    Raises
    ------
    PermanentError
        ``prediction-malformed``: a measurement that nobody has a code or a unit for.
    """
    found: list[Finding] = []
    best: dict[str, float] = {}
    for answer in answers:
        placed = set()
        for detection in answer.prediction.detections:
            if detection.score >= thresholds[detection.code]:
                found.append(_placed(detection, answer, thresholds[detection.code], subject))
                placed.add(detection.code)
        for code, score in answer.prediction.scores.items():
            best[code] = max(score, best.get(code, 0.0))
            if score >= thresholds[code] and code not in placed:
                found.append(Finding(code, score, thresholds[code], answer.first))
    present = {finding.code for finding in found}
    absences = tuple(
        Absence(code, score, thresholds[code])
        for code, score in sorted(best.items())
        if code not in present
    )
    return tuple(found), absences


def _placed(detection: Detection, answer: Answer, threshold: float, subject: str) -> Finding:
    if not all(is_measure(item.code, item.unit) for item in detection.measurements):
        raise problem("prediction-malformed", f"a measurement of {subject} has no known code.")
    uid = detection.image_uid or answer.first.sop_instance_uid
    image = answer.images[uid]
    if detection.image_uid:
        image = ImageReference(
            image.series_instance_uid,
            uid,
            image.sop_class_uid,
            image.instance_number,
            detection.frame_number,
        )
    return Finding(
        code=detection.code,
        score=detection.score,
        threshold=threshold,
        image=image,
        region=detection.region,
        point_mm=detection.point_mm,
        measurements=tuple(Measurement(m.code, m.value, m.unit) for m in detection.measurements),
        mask=_mask(detection.mask, image, answer),
    )


def _mask(mask: PredictedMask | None, image: ImageReference, answer: Answer) -> Mask | None:
    """Return a mask that results can draw: of first frames, in the pixels of their images."""
    if mask is None or not answer.is_to_scale:
        return None
    if any(number > 1 for number in (image.frame_number, *mask.frame_numbers)):
        return None
    return Mask(
        sop_instance_uids=mask.sop_instance_uids or (image.sop_instance_uid,),
        row=mask.row,
        column=mask.column,
        rows=mask.rows,
        columns=mask.columns,
        bits=base64.b64encode(mask.bits).decode("ascii"),
    )
