"""What counts as found: thresholds, places that results can draw, and what was looked for."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.core.predictions.questions import QUESTIONS
from tests.core.predictions.test_golden_answers import read

from wetread.core.errors import PermanentError
from wetread.core.findings import ImageReference
from wetread.core.predictions.contract import Measurement, Prediction
from wetread.core.predictions.found import Answer, findings_of

CODE = "pulmonary-nodule"
SUBJECT = "series 02 of k1-abc"


def answer(name: str, question: str = "chest-ct") -> Answer:
    """Return a recorded answer with the images that it is about."""
    prediction = read(name)
    assert isinstance(prediction, Prediction)
    uids = QUESTIONS[question].images
    return Answer(prediction, {uid: ImageReference("2.25.3108", uid, "1.2") for uid in uids})


def test_what_reaches_its_threshold_is_found_where_the_model_says() -> None:
    found, absent = findings_of([answer("detections/two_nodules")], {CODE: 0.7}, SUBJECT)
    (nodule,) = found
    assert (nodule.score, nodule.image.sop_instance_uid) == (0.93, "2.25.3108.3")
    assert absent == ()


def test_what_stays_below_is_absent_with_its_best_score() -> None:
    answers = [answer("detections/nothing_found"), answer("detections/two_nodules")]
    found, (absent,) = findings_of(answers, {CODE: 0.95}, SUBJECT)
    assert found == ()
    assert (absent.code, absent.score, absent.threshold) == (CODE, 0.93, 0.95)


def test_a_score_without_a_place_is_of_the_first_image() -> None:
    one = answer("detections/two_nodules")
    whole = replace(one, prediction=replace(one.prediction, detections=()))
    ((finding,), _) = findings_of([whole], {CODE: 0.5}, SUBJECT)
    assert (finding.image, finding.region) == (one.first, None)


def test_a_mask_is_kept_where_it_fits_the_pixels_of_whole_images() -> None:
    """One of a scaled picture, or of frames, would be drawn over something else."""
    single = answer("detections/nodule_with_mask")
    frames = answer("detections/mask_on_frames", "enhanced-ct")
    picture = answer("detections/mask_of_the_picture", "small-picture")
    fourth = {uid: replace(image, frame_number=4) for uid, image in picture.images.items()}
    for one, is_kept in (
        (single, True),
        (replace(single, is_to_scale=False), False),
        (picture, True),
        (replace(picture, images=fourth), False),
        (frames, False),
    ):
        ((finding,), _) = findings_of([one], {CODE: 0.5, "burned-in-text": 0.5}, SUBJECT)
        assert (finding.mask is not None) == is_kept


def test_a_measurement_that_nobody_has_a_code_for_is_malformed() -> None:
    one = answer("detections/nodule_with_mask")
    (nodule,) = one.prediction.detections
    odd = replace(nodule, measurements=(Measurement("sphericity-index", 1.0, "1"),))
    broken = replace(one, prediction=replace(one.prediction, detections=(odd,)))
    with pytest.raises(PermanentError, match=SUBJECT) as raised:
        findings_of([broken], {CODE: 0.5}, SUBJECT)
    assert raised.value.code == "prediction-malformed"
