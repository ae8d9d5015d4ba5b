"""Some frames and the metadata give the pictures that the whole instance gives."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.encaps import generate_frames
from pydicom.sequence import Sequence
from tests.core.pixels.cases import LIMIT_BYTES, image

from samples import catalog
from wetread.core.pixels.modalities import Options, prepare_frame
from wetread.core.pixels.partial import partial_header, with_frames

OPTIONS = Options(LIMIT_BYTES)


def sample(study: str, file: str) -> Dataset:
    (found,) = (s for s in catalog() if s.name == study)
    return dcmread(BytesIO(next(f.content for f in found.files() if f.name == file)))


def enhanced() -> Dataset:
    """Return four frames, each with a rescale and a window of its own."""
    stored = np.random.default_rng(3).integers(0, 4000, (4 * 8, 8), dtype=np.uint16)
    ct = image(stored, Modality="CT", NumberOfFrames=4)
    ct.Rows = 8
    groups = []
    for number in range(4):
        rescale, voi, group = Dataset(), Dataset(), Dataset()
        rescale.RescaleIntercept, rescale.RescaleSlope = -1000 - number, 1
        rescale.RescaleType = "HU"
        voi.WindowCenter, voi.WindowWidth = 100 * number, 500 + number
        group.PixelValueTransformationSequence = Sequence([rescale])
        group.FrameVOILUTSequence = Sequence([voi])
        groups.append(group)
    ct.PerFrameFunctionalGroupsSequence = Sequence(groups)
    return ct


def frames_of(dataset: Dataset) -> list[bytes]:
    count = int(dataset.NumberOfFrames)
    if dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        return list(generate_frames(dataset.PixelData, number_of_frames=count))
    size = len(dataset.PixelData) // count
    return [dataset.PixelData[n * size : (n + 1) * size] for n in range(count)]


def metadata_of(dataset: Dataset) -> dict[str, Any]:
    """Return metadata as a server gives them: pixels by reference."""
    header = copy.deepcopy(dataset)
    del header.PixelData
    uri = "https://store.invalid/bulkdata"
    return {**header.to_json_dict(), "7FE00010": {"vr": "OW", "BulkDataURI": uri}}


@pytest.mark.parametrize(
    ("make", "numbers"),
    [
        (partial(sample, "us-heart-cine", "A4C.dcm"), [1, 9, 24]),
        (partial(sample, "nm-bone-scan", "WHOLE_BODY.dcm"), [2]),
        (partial(sample, "sm-biopsy", "LEVEL_1.dcm"), [4, 13]),
        (enhanced, [2, 4]),
    ],
    ids=["US", "NM", "SM", "enhanced"],
)
def test_the_pictures_are_the_same(make: Callable[[], Dataset], numbers: list[int]) -> None:
    whole = make()
    header = partial_header(metadata_of(whole), numbers)
    assert header is not None
    chosen = [frames_of(whole)[number - 1] for number in numbers]
    few = with_frames(header, chosen, whole.file_meta.TransferSyntaxUID)
    assert few is not None
    assert few.NumberOfFrames == len(numbers)
    for place, number in enumerate(numbers, start=1):
        expected, made = (
            prepare_frame(whole, number, OPTIONS),
            prepare_frame(few, place, OPTIONS),
        )
        assert np.array_equal(made.pixels, expected.pixels)
        assert (made.window, made.remarks) == (expected.window, expected.remarks)


def test_a_lookup_table_that_is_elsewhere_calls_for_the_whole_instance() -> None:
    metadata = metadata_of(enhanced())
    table = {"vr": "OW", "BulkDataURI": "https://store.invalid/bulkdata"}
    assert partial_header({**metadata, "00281201": table}, [1]) is None
    voi = {"vr": "SQ", "Value": [{"00283006": table}]}
    assert partial_header({**metadata, "00283010": voi}, [1]) is None
    assert partial_header({**metadata, "00282000": table}, [1]) is not None
    optical_path = {"vr": "SQ", "Value": [{"00282000": table}]}
    assert partial_header({**metadata, "00480105": optical_path}, [1]) is not None


def test_functional_groups_that_are_left_out_call_for_the_whole_instance() -> None:
    shared = {"vr": "SQ", "Value": [{}]}
    metadata = {**metadata_of(enhanced()), "52009229": shared}
    assert partial_header(metadata, [1]) is not None
    assert partial_header({t: e for t, e in metadata.items() if t != "52009230"}, [1]) is None


@pytest.mark.parametrize(
    "change",
    [
        {"00280100": {"vr": "US", "Value": [1]}},
        {"00280100": {"vr": "US"}},
        {"00281050": {"vr": "DS", "Value": ["wide"]}},
        {"00280010": {"vr": "US", "Value": [{}]}},
    ],
    ids=["one bit", "no bits", "bad text", "bad number"],
)
def test_metadata_that_do_not_do_call_for_the_whole_instance(change: dict[str, Any]) -> None:
    assert partial_header({**metadata_of(enhanced()), **change}, [1]) is None


def test_a_frame_that_no_functional_group_describes_is_not_guessed() -> None:
    assert partial_header(metadata_of(enhanced()), [5]) is None


@pytest.mark.parametrize("syntax", ["", "1.2.840.10008.1.2.2", "1.2.840.10008.5.1.4.1.1.2"])
def test_frames_in_a_syntax_that_cannot_stand_alone_are_not_used(syntax: str) -> None:
    header = partial_header(metadata_of(enhanced()), [1])
    assert header is not None
    assert with_frames(header, [bytes(128)], syntax) is None
