"""The table of rules: what is looked at, what is not, and why."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from pydicom import uid

from wetread.core.outcomes import Outcome, reasons
from wetread.core.pixels.policy import (
    ct_preset,
    is_own_result,
    modality_rule,
    modality_rules,
    remarks,
    skip_reason,
    skip_rules,
)
from wetread.core.terminology import terminology


@dataclass(frozen=True)
class Facts:
    sop_class_uid: str = uid.CTImageStorage
    image_type: tuple[str, ...] = ("ORIGINAL", "PRIMARY", "AXIAL")
    manufacturer: str = "Example"
    presentation_intent: str = ""
    has_pixel_data: bool = True


@pytest.mark.parametrize(
    "facts",
    [
        Facts(),
        Facts(image_type=()),
        Facts(image_type=("DERIVED", "SECONDARY")),
        Facts(uid.DigitalXRayImageStorageForPresentation, presentation_intent="FOR PRESENTATION"),
        Facts(uid.SecondaryCaptureImageStorage, ("DERIVED", "SECONDARY")),
        Facts(uid.VLWholeSlideMicroscopyImageStorage, ("ORIGINAL", "PRIMARY", "VOLUME")),
        Facts(manufacturer="Wetread"),
        Facts("1.2.840.113619.4.26"),
    ],
)
def test_images_are_looked_at(facts: Facts) -> None:
    assert skip_reason(facts) is None


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (Facts(uid.SegmentationStorage), "derived-object"),
        (Facts(uid.ParametricMapStorage), "derived-object"),
        (Facts(uid.RTDoseStorage), "derived-object"),
        (
            Facts(uid.GrayscaleSoftcopyPresentationStateStorage, has_pixel_data=False),
            "derived-object",
        ),
        (Facts(uid.BasicTextSRStorage, (), has_pixel_data=False), "no-pixel-data"),
        (Facts(uid.KeyObjectSelectionDocumentStorage, has_pixel_data=False), "no-pixel-data"),
        (Facts(uid.RTStructureSetStorage, has_pixel_data=False), "no-pixel-data"),
        (Facts(uid.EncapsulatedPDFStorage, has_pixel_data=False), "no-pixel-data"),
        (Facts(image_type=("ORIGINAL", "PRIMARY", "LOCALIZER")), "localizer"),
        (Facts(uid.DigitalXRayImageStorageForProcessing), "for-processing"),
        (Facts(presentation_intent="FOR PROCESSING"), "for-processing"),
        (
            Facts(uid.VLWholeSlideMicroscopyImageStorage, ("ORIGINAL", "PRIMARY", "LABEL")),
            "slide-label",
        ),
        (Facts(manufacturer="Wetread", image_type=("DERIVED", "SECONDARY")), "own-result"),
        (
            Facts(uid.Comprehensive3DSRStorage, (), "Wetread", has_pixel_data=False),
            "own-result",
        ),
    ],
)
def test_everything_else_is_skipped_with_its_reason(facts: Facts, reason: str) -> None:
    assert skip_reason(facts) == reason
    assert is_own_result(facts) == (reason == "own-result")


def test_every_rule_gives_a_known_reason_and_says_why() -> None:
    for rule in skip_rules():
        assert reasons()[rule.reason].outcome is Outcome.SKIPPED
        assert rule.why.endswith(".")


def test_every_modality_of_the_table_is_one_of_dicoms() -> None:
    written_by_some_machines = {"SC"}
    listed = set(modality_rules()) - {"other"} - written_by_some_machines
    assert listed <= set(terminology().modalities)


def test_a_modality_that_is_not_listed_is_treated_as_other() -> None:
    assert modality_rule("ZZ") == modality_rule("other") == modality_rule("")


@pytest.mark.parametrize("body_part", ["CHEST", "LIVER", "HEAD", "HEART", "KNEE", "AORTA", "XYZ"])
def test_every_window_has_a_remark_with_its_numbers(body_part: str) -> None:
    preset = ct_preset(body_part)
    text = remarks()[f"window-{preset.name}"]
    assert f"({preset.center:g}/{preset.width:g} HU)" in text
