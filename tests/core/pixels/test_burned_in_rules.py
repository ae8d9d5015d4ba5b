"""Which pictures are searched for burned-in text is decided by attributes and a table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydicom.uid import (
    CTImageStorage,
    EnhancedCTImageStorage,
    MultiFrameTrueColorSecondaryCaptureImageStorage,
    SecondaryCaptureImageStorage,
    UltrasoundImageStorage,
    VLWholeSlideMicroscopyImageStorage,
)
from tests.core.pixels.cases import image

from wetread.core.pixels.burned_in.rules import (
    TextAction,
    parse_text_rules,
    text_facts,
    text_rule,
    text_rules,
)

PRIMARY = ["ORIGINAL", "PRIMARY", "AXIAL"]
REFORMATTED = ["DERIVED", "SECONDARY", "MPR"]


def action(**attributes: Any) -> TextAction:
    dataset = image(np.zeros((4, 4), np.uint8), **attributes)
    return text_rule(text_facts(dataset)).action


@pytest.mark.parametrize("modality", ["CT", "MR", "PT", "NM", "CR", "DX", "MG"])
def test_what_a_detector_measured_leaves_unsearched(modality: str) -> None:
    assert action(Modality=modality, ImageType=PRIMARY) is TextAction.SEND


@pytest.mark.parametrize("modality", ["US", "XA", "RF", "SC", "OT", "ES", "XC", "GM", "OP", "ZZ"])
def test_other_modalities_are_searched_whatever_they_say(modality: str) -> None:
    for said in ("NO", "YES", ""):
        found = action(Modality=modality, ImageType=PRIMARY, BurnedInAnnotation=said)
        assert found is TextAction.DETECT


@pytest.mark.parametrize(
    "attributes",
    [
        {"BurnedInAnnotation": "YES"},
        {"BurnedInAnnotation": " yes "},
        {"SOPClassUID": SecondaryCaptureImageStorage},
        {"SOPClassUID": MultiFrameTrueColorSecondaryCaptureImageStorage},
        {"ImageType": REFORMATTED},
        {"ImageType": None},
        {"ImageType": "PRIMARILY"},
        {"PhotometricInterpretation": "RGB"},
        {"PhotometricInterpretation": "PALETTE COLOR"},
        {"Modality": None},
        {"Modality": ["CT", "US"]},
    ],
)
def test_a_ct_is_searched_when_something_is_unusual(attributes: dict[str, Any]) -> None:
    usual = {"Modality": "CT", "SOPClassUID": CTImageStorage, "ImageType": PRIMARY}
    assert action(**usual) is TextAction.SEND
    assert action(**{**usual, **attributes}) is TextAction.DETECT


def test_no_is_believed_of_the_scanner_that_reformats_its_own_volumes() -> None:
    reformatted = {"SOPClassUID": EnhancedCTImageStorage, "ImageType": REFORMATTED}
    assert action(Modality="CT", BurnedInAnnotation="NO", **reformatted) is TextAction.SEND
    assert action(Modality="CR", BurnedInAnnotation="NO", **reformatted) is TextAction.DETECT


def test_tiles_of_a_slide_leave_and_photographs_of_one_are_searched() -> None:
    tile = {"SOPClassUID": VLWholeSlideMicroscopyImageStorage, "PhotometricInterpretation": "RGB"}
    assert action(Modality="SM", **tile) is TextAction.SEND
    assert action(Modality="SM", PhotometricInterpretation="RGB") is TextAction.DETECT


@pytest.mark.parametrize("kind", ["SCREEN SAVE", "DOSE_INFO"])
def test_copies_of_screens_never_leave(kind: str) -> None:
    for modality in ("CT", "US"):
        image_type = ["DERIVED", "SECONDARY", kind]
        assert action(Modality=modality, ImageType=image_type) is TextAction.WITHHOLD


def test_scanned_documents_never_leave() -> None:
    document = {"Modality": "DOC", "SOPClassUID": SecondaryCaptureImageStorage}
    assert action(**document, BurnedInAnnotation="NO") is TextAction.WITHHOLD


def test_an_image_without_any_attribute_is_searched() -> None:
    dataset = image(np.zeros((4, 4), np.uint8), SOPClassUID=UltrasoundImageStorage)
    for keyword in ("SOPClassUID", "PhotometricInterpretation"):
        delattr(dataset, keyword)
    assert text_rule(text_facts(dataset)).action is TextAction.DETECT


def test_no_rule_lets_anything_leave_on_the_word_no_alone() -> None:
    trusting = [r for r in text_rules() if r.action is TextAction.SEND and "NO" in r.burned_in]
    assert trusting
    assert all(rule.modality and rule.photometric for rule in trusting)


def test_every_rule_says_why() -> None:
    assert all(rule.why.endswith(".") for rule in text_rules())


CATCH_ALL = '[[rule]]\naction = "detect"\nwhy = "Rest."\n'


@pytest.mark.parametrize(
    ("table", "error"),
    [
        ('[[rule]]\naction = "detect"\nwhy = "One."\nmodality = ["US"]\n', ValueError),
        (CATCH_ALL + CATCH_ALL, ValueError),
        (CATCH_ALL + '[[rule]]\naction = "send"\nwhy = "Late."\nmodality = ["US"]\n', ValueError),
        ('[[rule]]\naction = "allow"\nwhy = "Unknown."\n', ValueError),
        ('[[rule]]\naction = "send"\nwhy = "Typo."\nmodalty = ["US"]\n' + CATCH_ALL, TypeError),
        ('[[rule]]\naction = "send"\n' + CATCH_ALL, KeyError),
        ('[[rule]]\naction = "send"\nwhy = "Text."\nmodality = "US"\n' + CATCH_ALL, TypeError),
    ],
)
def test_a_table_with_a_mistake_is_refused(table: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        parse_text_rules(table)
