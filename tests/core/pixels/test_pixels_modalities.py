"""What each modality adds to rendering, and that another one is a file and a row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset, uid
from pydicom.sequence import Sequence
from tests.core.pixels.cases import LIMIT_BYTES, image

from wetread.core.pixels import modalities, policy
from wetread.core.pixels.errors import PixelError
from wetread.core.pixels.modalities import Options, prepare_frame, preprocessor
from wetread.core.pixels.rendering import RenderedFrame, render_frame
from wetread.core.pixels.sampling import Sampling, expected_frames

OPTIONS = Options(LIMIT_BYTES)
RAMP = np.arange(-1024, 3072, dtype=np.int16).reshape(64, 64)
HOUNSFIELD = {"RescaleIntercept": 0, "RescaleSlope": 1, "RescaleType": "HU"}


def prepared(dataset: Dataset, options: Options = OPTIONS, frame_number: int = 1) -> RenderedFrame:
    return prepare_frame(dataset, frame_number, options)


def window(frame: RenderedFrame) -> tuple[float, float]:
    assert frame.window is not None
    return frame.window.center, frame.window.width


class TestCt:
    @pytest.mark.parametrize(
        ("body_part", "center", "width", "remark"),
        [
            ("CHEST", -600, 1500, "window-lung"),
            ("LUNG", -600, 1500, "window-lung"),
            ("HEAD", 40, 80, "window-brain"),
            ("LIVER", 60, 160, "window-liver"),
            ("LSPINE", 400, 1800, "window-bone"),
            ("AORTA", 300, 600, "window-angiography"),
            ("ABDOMEN", 40, 400, "window-soft-tissue"),
            ("", 40, 400, "window-soft-tissue"),
            ("UNHEARD OF", 40, 400, "window-soft-tissue"),
        ],
    )
    def test_without_a_window_the_body_part_has_one(
        self, body_part: str, center: float, width: float, remark: str
    ) -> None:
        frame = prepared(image(RAMP, Modality="CT", BodyPartExamined=body_part, **HOUNSFIELD))
        assert window(frame) == (center, width)
        assert frame.remarks == (remark,)
        levels = np.clip((RAMP - (center - 0.5)) / (width - 1) + 0.5, 0, 1) * 255
        assert np.abs(frame.pixels - levels).max() <= 0.5

    def test_a_declared_window_counts(self) -> None:
        ct = image(RAMP, Modality="CT", BodyPartExamined="CHEST", **HOUNSFIELD)
        ct.WindowCenter, ct.WindowWidth = [50, -600], [350, 1500]
        assert window(prepared(ct)) == (50, 350)
        assert prepared(ct).remarks == ("window-header",)

    def test_an_installation_may_prefer_the_preset(self) -> None:
        ct = image(RAMP, Modality="CT", BodyPartExamined="CHEST", **HOUNSFIELD)
        ct.WindowCenter, ct.WindowWidth = 50, 350
        assert window(prepared(ct, Options(LIMIT_BYTES, prefer_ct_presets=True))) == (-600, 1500)

    @pytest.mark.parametrize("rescale", [{}, {**HOUNSFIELD, "RescaleType": "US"}])
    @pytest.mark.parametrize("preferred", [True, False])
    def test_values_in_other_units_have_no_preset(
        self, rescale: dict[str, Any], preferred: bool
    ) -> None:
        ct = image(RAMP, Modality="CT", BodyPartExamined="CHEST", **rescale)
        frame = prepared(ct, Options(LIMIT_BYTES, prefer_ct_presets=preferred))
        assert frame.remarks == ("window-derived",)

    def test_the_preset_is_of_hounsfield_units_not_of_stored_values(self) -> None:
        stored = (RAMP.astype(np.int32) + 1024).astype(np.uint16)
        shifted = {**HOUNSFIELD, "RescaleIntercept": -1024}
        ct = image(stored, Modality="CT", BodyPartExamined="HEAD", **shifted)
        direct = image(RAMP, Modality="CT", BodyPartExamined="HEAD", **HOUNSFIELD)
        assert np.array_equal(prepared(ct).pixels, prepared(direct).pixels)


def region(*corners: int | None) -> Dataset:
    item = Dataset()
    names = ("MinX0", "MinY0", "MaxX1", "MaxY1")
    for name, corner in zip(names, corners, strict=True):
        if corner is not None:
            setattr(item, f"RegionLocation{name}", corner)
    return item


class TestUltrasound:
    def scan(self, *regions: Dataset, grey: bool = True) -> Dataset:
        shape = (40, 60) if grey else (40, 60, 3)
        pixels = np.full(shape, 200, np.uint8)
        us = image(pixels, Modality="US", WindowCenter=128, WindowWidth=256)
        us.SequenceOfUltrasoundRegions = Sequence(regions)
        return us

    @pytest.mark.parametrize("grey", [True, False])
    def test_what_no_region_holds_is_black(self, grey: bool) -> None:
        frame = prepared(self.scan(region(10, 5, 29, 24), region(40, 20, 49, 30), grey=grey))
        shown = np.zeros((40, 60), bool)
        shown[5:25, 10:30] = shown[20:31, 40:50] = True
        visible = frame.pixels.reshape(40, 60, -1).any(axis=2)
        assert np.array_equal(visible, shown)
        assert "regions-masked" in frame.remarks

    def test_the_picture_keeps_its_size(self) -> None:
        assert prepared(self.scan(region(10, 5, 29, 24))).pixels.shape == (40, 60)

    def test_a_region_that_reaches_beyond_the_image_ends_at_its_border(self) -> None:
        frame = prepared(self.scan(region(30, 20, 500, 500)))
        assert frame.pixels[20:, 30:].all()
        assert not frame.pixels[:20].any()

    @pytest.mark.parametrize(
        "regions",
        [
            (),
            (region(None, 0, 9, 9),),
            (region(9, 9, 9, 9),),
            (region(20, 20, 10, 10),),
            (region(0, 0, 59, 39),),
            (region(500, 500, 600, 600),),
        ],
        ids=["none", "incomplete", "a point", "reversed", "all of it", "beyond"],
    )
    def test_an_image_without_a_usable_region_stays_whole(
        self, regions: tuple[Dataset, ...]
    ) -> None:
        frame = prepared(self.scan(*regions))
        assert frame.pixels.all()
        assert "regions-masked" not in frame.remarks


class TestEmission:
    @pytest.mark.parametrize("modality", ["NM", "PT"])
    def test_without_a_window_zero_is_black_and_the_bright_end_white(self, modality: str) -> None:
        counts = np.linspace(400, 1000, 4096).astype(np.uint16).reshape(64, 64)
        frame = prepared(image(counts, Modality=modality))
        assert frame.window is not None
        assert frame.window.source == "derived"
        assert frame.window.center == frame.window.width / 2
        assert frame.pixels.min() > 90
        assert frame.pixels.max() == 255

    def test_each_frame_has_a_range_of_its_own(self) -> None:
        frames = np.concatenate([np.full((8, 8), 10), np.full((8, 8), 1000)]).astype(np.uint16)
        nm = image(frames, Modality="NM", NumberOfFrames=2)
        nm.Rows = 8
        assert [prepared(nm, frame_number=n).pixels.max() for n in (1, 2)] == [255, 255]

    def test_a_frame_below_zero_is_stretched_as_any_other(self) -> None:
        below = np.linspace(-900, -100, 4096).astype(np.int16).reshape(64, 64)
        pixels = prepared(image(below, Modality="PT")).pixels
        assert (pixels.min(), pixels.max()) == (0, 255)

    def test_a_declared_window_and_inversion_are_kept(self) -> None:
        pt = image(RAMP, Modality="PT", WindowCenter=500, WindowWidth=1000)
        pt.PresentationLUTShape = "INVERSE"
        expected = render_frame(pt, limit_bytes=LIMIT_BYTES).pixels
        assert np.array_equal(prepared(pt).pixels, expected)


class TestMammography:
    @pytest.mark.parametrize("side", ["L", "R"])
    def test_no_side_is_flipped(self, side: str) -> None:
        pixels = np.tile(np.arange(64, dtype=np.uint16), (32, 1))
        mg = image(pixels, Modality="MG", ImageLaterality=side, PatientOrientation=["P", "L"])
        mg.WindowCenter, mg.WindowWidth = 32, 64
        columns = prepared(mg).pixels[0].astype(int)
        assert (np.diff(columns) > 0).all()

    @pytest.mark.parametrize("interpretation", ["MONOCHROME1", "MONOCHROME2"])
    def test_padding_is_black_and_counts_for_nothing(self, interpretation: str) -> None:
        pixels = np.full((64, 64), 4000, np.uint16)
        pixels[:, 32:] = np.arange(500, 532)
        mg = image(pixels, Modality="MG", PixelPaddingValue=4000)
        mg.PhotometricInterpretation = interpretation
        frame = prepared(mg)
        assert not frame.pixels[:, :32].any()
        assert window(frame)[1] < 40


def test_mask_frames_of_an_angiogram_change_no_pixel() -> None:
    pixels = np.random.default_rng(1).integers(0, 255, (24, 8), dtype=np.uint8)
    xa = image(pixels, Modality="XA", NumberOfFrames=3, WindowCenter=128, WindowWidth=256)
    xa.Rows = 8
    plain = prepared(xa, frame_number=2).pixels
    mask = Dataset()
    mask.MaskOperation, mask.MaskFrameNumbers = "AVG_SUB", 1
    xa.MaskSubtractionSequence = Sequence([mask])
    assert np.array_equal(prepared(xa, frame_number=2).pixels, plain)
    assert np.array_equal(plain, pixels[8:16])


def test_colours_of_a_slide_stay_as_they_are() -> None:
    tile = np.random.default_rng(2).integers(0, 255, (16, 16, 3), dtype=np.uint8)
    slide = image(tile, Modality="SM", SOPClassUID=uid.VLWholeSlideMicroscopyImageStorage)
    assert np.array_equal(prepared(slide).pixels, tile)


@pytest.mark.parametrize("modality", sorted(policy.modality_rules().keys() - {"other"}))
def test_every_row_has_a_preprocessor_that_makes_a_picture(modality: str) -> None:
    assert callable(preprocessor(policy.modality_rule(modality).preprocessor))
    frame = prepared(image(RAMP, Modality=modality))
    assert frame.pixels.shape == RAMP.shape
    assert set(frame.remarks) <= set(policy.remarks())


def test_a_modality_that_is_missing_or_unknown_is_rendered() -> None:
    assert prepared(image(RAMP)).pixels.max() == 255
    assert prepared(image(RAMP, Modality="ZZ")).pixels.max() == 255


def test_a_bad_value_is_an_outcome() -> None:
    us = image(np.zeros((8, 8), np.uint8), Modality="US")
    us.SequenceOfUltrasoundRegions = Sequence([region(0, 0, 4, 4)])
    us.SequenceOfUltrasoundRegions[0]["RegionLocationMinX0"]._value = "left"
    with pytest.raises(PixelError) as raised:
        prepared(us)
    assert raised.value.reason == "pixels-unreadable"


def test_a_new_modality_is_one_file_and_one_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "panoramic.py").write_text(
        "from dataclasses import replace\n"
        "from wetread.core.pixels.modalities.general import prepare as render\n"
        "def prepare(dataset, frame_number, options):\n"
        "    frame = render(dataset, frame_number, options)\n"
        "    return replace(frame, pixels=255 - frame.pixels)\n",
        "utf-8",
    )
    row = policy.read_modality_rules({"PX9": {"preprocessor": "panoramic", "sampling": "every:2"}})
    monkeypatch.setattr(modalities, "__path__", [*modalities.__path__, str(tmp_path)])
    rules = {**policy.modality_rules(), **row}
    monkeypatch.setattr(policy, "modality_rules", lambda: rules)
    radiograph = image(RAMP, Modality="PX9", WindowCenter=40, WindowWidth=400)
    plain = render_frame(radiograph, limit_bytes=LIMIT_BYTES).pixels
    assert np.array_equal(prepared(radiograph).pixels, 255 - plain)
    assert expected_frames("PX9", [9], Sampling(16)) == 5
