"""Names that are burned into images do not reach Vision AI, and the results say what was done."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, cast

import numpy as np
import pytest
from PIL import Image
from pydicom.uid import SecondaryCaptureImageStorage
from tests.core.pixels.cases import image
from tests.operators.pipeline import Pipeline
from tools.eval_text.overlays import BurnedPicture, burn

from samples import SampleFile, part10
from wetread.core.annotations import ImageAnnotation
from wetread.core.errors import WetreadError
from wetread.core.pixels.burned_in.boxes import Picture, TextBox
from wetread.core.pixels.burned_in.gate import TextDetector
from wetread.core.plan import PlanRow
from wetread.core.routing.table import shipped_analyses
from wetread.core.settings import Settings
from wetread.gcp.row_analysis import RowAnalysis
from wetread.gcp.vision import VisionClient
from wetread.gcp.vision_analysis import VisionAnalysis
from wetread.hooks.text_detection import text_detector

CREATED_AT = "2026-11-22T08:00:00Z"


@dataclass
class Vision:
    """Sees what Vision AI would see."""

    seen: list[Picture] = field(default_factory=list)

    def annotate(self, images: Sequence[bytes], *_: Any, **__: Any) -> list[ImageAnnotation]:
        self.seen += [np.asarray(Image.open(BytesIO(content))) for content in images]
        return [ImageAnnotation() for _ in images]


class Broken:
    """A detector that fails on every picture."""

    def detect(self, pixels: Picture) -> Sequence[TextBox]:
        raise RuntimeError


def burned() -> BurnedPicture:
    speckle = np.random.default_rng(3).integers(0, 70, (320, 400), dtype=np.uint8)
    return burn(speckle, 3, np.random.default_rng(4))


def screen(study: str, instance: int, picture: Picture) -> SampleFile:
    """Return a picture as a secondary capture that says there is no text in it."""
    uid = f"{study}.1.{instance}"
    dataset = image(
        picture,
        SOPClassUID=SecondaryCaptureImageStorage,
        SOPInstanceUID=uid,
        StudyInstanceUID=study,
        SeriesInstanceUID=f"{study}.1",
        InstanceNumber=instance,
        Modality="OT",
        PatientName="Doe^Jane",
        PatientID="SYN-BURNED-IN",
        BurnedInAnnotation="NO",
        ConversionType="WSD",
    )
    return SampleFile(f"{instance}.dcm", part10.encode(dataset))


@pytest.fixture(scope="module")
def study(shared_pipeline: Pipeline) -> str:
    """The UID of a study in the store: one image with text and one without."""
    uid = f"2.25.{uuid.uuid4().int}"
    for file in (screen(uid, 1, burned().pixels), screen(uid, 2, burned().pixels * 0)):
        shared_pipeline.installation.dicomweb.store_instances(
            uid, [file.content], "the test's study"
        )
    shared_pipeline.intake()  # so that the store's notifications start no run of another test
    return uid


def analyse(
    pipeline: Pipeline, study: str, vision: Vision, detector: TextDetector, policy: str = "mask"
) -> Any:
    uids = (f"{study}.1.1", f"{study}.1.2")
    row = PlanRow("01", (f"{study}.1",), "OT", uids, "OT", 2, 4, ("vision",))
    settings, subject = Settings(burned_in_text=policy), "the test's study"
    client = cast(VisionClient, vision)
    analysis = RowAnalysis(
        dicomweb=pipeline.installation.dicomweb,
        vision=lambda analysis: VisionAnalysis(client, analysis, settings, "0" * 64, subject),
        model=pytest.fail,
        text_detector=lambda: detector,
        settings=settings,
        subject=subject,
    )
    (ran,) = analysis.run(study, row, [shipped_analyses()["vision"]], CREATED_AT)
    if isinstance(ran.result, WetreadError):
        raise ran.result
    return ran.result


def reasons(findings: Any) -> list[str]:
    return sorted(outcome.reason for outcome in findings.outcomes)


def test_vision_sees_black_where_letters_were(shared_pipeline: Pipeline, study: str) -> None:
    vision = Vision()
    findings = analyse(shared_pipeline, study, vision, text_detector())
    picture = next(picture for picture in vision.seen if picture.any())
    letters = [box for string in burned().strings for box in string.letters]
    assert letters
    assert not any(picture[b.top : b.bottom, b.left : b.right].any() for b in letters)
    assert (findings.masked_images, findings.withheld_images) == (1, 0)
    assert findings.masked_regions >= len(burned().strings)
    assert reasons(findings) == ["analysed", "analysed"]


def test_policy_keeps_the_image_here(shared_pipeline: Pipeline, study: str) -> None:
    vision = Vision()
    findings = analyse(shared_pipeline, study, vision, text_detector(), "withhold")
    assert not any(picture.any() for picture in vision.seen)
    assert (findings.masked_images, findings.withheld_images) == (0, 1)
    assert reasons(findings) == ["analysed", "text-withheld"]


def test_a_broken_detector_lets_nothing_leave(shared_pipeline: Pipeline, study: str) -> None:
    vision = Vision()
    findings = analyse(shared_pipeline, study, vision, Broken())
    assert vision.seen == []
    assert findings.withheld_images == 2
    assert reasons(findings) == ["text-detection-failed"] * 2


def test_the_run_says_what_was_masked(shared_pipeline: Pipeline) -> None:
    uid = f"2.25.{uuid.uuid4().int}"
    results = shared_pipeline.process("burned-in", [screen(uid, 1, burned().pixels)])
    failed = [result for result in results.values() if isinstance(result, Exception)]
    assert not failed
    (analysis,) = [value for name, value in results.items() if name.startswith("analyze_images")]
    assert analysis["masked_images"] == 1
    assert analysis["withheld_images"] == 0
    assert analysis["analysed"] == 1
