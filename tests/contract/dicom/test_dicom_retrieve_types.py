"""Which media type an answer has: Accept headers, and frames in each form there is."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import requests
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.pixels import pixel_array
from pydicom.uid import ExplicitVRLittleEndian, RLELossless, generate_uid
from tests.contract.dicom.files import ct_series, encoded, shipped
from tests.contract.dicom.peers import Peer
from tests.contract.dicom.stores import DicomStore, path_of

STATEMENT = "https://cloud.google.com/healthcare-api/docs/dicom"
ACCEPT = f"{STATEMENT}#accept_headers"
FRAMES = f"{STATEMENT}#dicom_frames"
BULK_DATA = f"{STATEMENT}#bulkdata_resources"
DEFINITION = f"{STATEMENT}#bulkdata_definition"
SEARCH = f"{STATEMENT}#search_transaction"
PREFIX = "1.2.840.10008.1.2.4."
PART = 'multipart/related; type="{}"'
DEFAULT_SYNTAXES = {
    "image/jpeg": f"{PREFIX}70",
    "image/jls": f"{PREFIX}80",
    "image/jp2": f"{PREFIX}90",
    "image/jphc": f"{PREFIX}201",
    "image/jxl": f"{PREFIX}110",
    "image/dicom-rle": RLELossless,
    "application/x-deflate": "1.2.840.10008.1.2.8.1",
}


@pytest.fixture
def slice_(store: DicomStore) -> Dataset:
    dataset = ct_series(1)[0]
    store.put(dataset)
    return dataset


def frames_of(answer: requests.Response) -> list[tuple[str, bytes]]:
    """Return the content type and the content of each part of an answer."""
    assert answer.status_code == 200, answer.text
    boundary = answer.headers["content-type"].rpartition("boundary=")[2].strip('"')
    parts = answer.content.split(f"\r\n--{boundary}".encode())
    pairs = [part.removeprefix(f"--{boundary}".encode()).partition(b"\r\n\r\n") for part in parts]
    return [(head.decode().strip(), content) for head, _, content in pairs[:-1]]


@pytest.mark.rule("dicom.accept.quality", ACCEPT)
def test_the_type_with_the_highest_quality_is_answered(store: DicomStore, slice_: Dataset) -> None:
    path = f"{path_of(slice_)}/rendered"
    for accept, expected in (
        ("image/jpeg;q=0.4, image/png;q=0.5", "image/png"),
        ("image/png;q=0.4, image/jpeg", "image/jpeg"),
        ("image/gif, image/png;q=0.1", "image/png"),
        ("image/png;q=0.5, image/jpeg;q=0.5", "image/png"),
    ):
        assert store.get(path, accept=accept).headers["content-type"] == expected


@pytest.mark.rule("dicom.accept.wildcards", ACCEPT)
@pytest.mark.parametrize("accept", ["*/*", "image/*", "text/html, image/*;q=0.1"])
def test_wildcards_match_the_default(store: DicomStore, slice_: Dataset, accept: str) -> None:
    answer = store.get(f"{path_of(slice_)}/rendered", accept=accept)
    assert answer.headers["content-type"] == "image/jpeg"


@pytest.mark.rule("dicom.accept.refused", ACCEPT)
@pytest.mark.parametrize("accept", ["image/jpeg;q=0, image/png;q=0", "image/gif", "text/*"])
def test_nothing_acceptable_is_406(store: DicomStore, slice_: Dataset, accept: str) -> None:
    for suffix in ("/rendered", "/metadata", "/frames/1", ""):
        answer = store.get(path_of(slice_) + suffix, accept=accept)
        if suffix != "/frames/1" or "image/jpeg" not in accept:
            assert answer.status_code == 406, suffix
            assert "accept" in answer.json()["error"]["message"]


@pytest.mark.rule("dicom.accept.excluded", ACCEPT)
def test_a_type_of_quality_0_is_not_what_a_wildcard_means(
    store: DicomStore, slice_: Dataset
) -> None:
    answer = store.get(f"{path_of(slice_)}/rendered", accept="image/jpeg;q=0, image/*")
    assert answer.headers["content-type"] == "image/png"


@pytest.mark.rule("dicom.accept.next", ACCEPT)
def test_a_type_that_cannot_be_had_gives_way_to_the_next(
    store: DicomStore, slice_: Dataset
) -> None:
    one_way = f"application/dicom; transfer-syntax={PREFIX}111"
    other = "application/dicom; transfer-syntax=*; q=0.5"
    answer = store.get(path_of(slice_), accept=f"{one_way}, {other}")
    assert answer.content == encoded(slice_)


@pytest.mark.rule("dicom.accept.search", SEARCH)
def test_a_search_answers_in_json_or_xml(store: DicomStore, slice_: Dataset) -> None:
    for accept in ("*/*", "application/json", "application/dicom+json", "application/*"):
        answer = store.get("/studies", accept=accept)
        assert answer.headers["content-type"] == "application/dicom+json"
    xml = store.get("/instances", accept=PART.format("application/dicom+xml"))
    ((head, model),) = frames_of(xml)
    assert "application/dicom+xml" in head
    assert slice_.SOPInstanceUID.encode() in model
    assert store.get("/studies", accept="text/html").status_code == 406


@pytest.mark.rule("dicom.frames.default", FRAMES)
@pytest.mark.parametrize("accept", ["*/*", "multipart/related", PART.format("*/*")])
def test_frames_are_explicit_little_endian_by_default(
    store: DicomStore, slice_: Dataset, accept: str
) -> None:
    ((head, frame),) = frames_of(store.get(f"{path_of(slice_)}/frames/1", accept=accept))
    assert head.endswith(f"application/octet-stream; transfer-syntax={ExplicitVRLittleEndian}")
    assert frame == slice_.PixelData


@pytest.mark.rule("dicom.frames.media_types", FRAMES)
@pytest.mark.parametrize("media_type", DEFAULT_SYNTAXES)
def test_frames_come_in_every_media_type(
    store: DicomStore, slice_: Dataset, media_type: str
) -> None:
    path = f"{path_of(slice_)}/frames/1"
    ((head, frame),) = frames_of(store.get(path, accept=PART.format(media_type)))
    syntax = DEFAULT_SYNTAXES[media_type]
    assert head.endswith(f"{media_type}; transfer-syntax={syntax}")
    whole = store.get(path_of(slice_), accept=f"application/dicom; transfer-syntax={syntax}")
    assert frame.rstrip(b"\0") in whole.content
    as_stored = f"{PART.format(media_type)}; transfer-syntax=*"
    assert store.get(path, accept=as_stored).status_code == 406


@pytest.mark.rule("dicom.frames.transfer_syntax", FRAMES)
@pytest.mark.parametrize("number", [50, 51, 57, 70, 81, 91, 112, 202, 203])
def test_frames_come_in_the_transfer_syntax_that_is_named(
    store: DicomStore, slice_: Dataset, number: int
) -> None:
    kinds = {50: "jpeg", 51: "jpeg", 57: "jpeg", 70: "jpeg", 81: "jls", 91: "jp2", 112: "jxl"}
    kind = f"image/{kinds.get(number, 'jphc')}"
    accept = f"{PART.format(kind)}; transfer-syntax={PREFIX}{number}"
    ((head, _),) = frames_of(store.get(f"{path_of(slice_)}/frames/1", accept=accept))
    assert head.endswith(f"{kind}; transfer-syntax={PREFIX}{number}")
    mismatch = f"{PART.format('image/jls')}; transfer-syntax={PREFIX}90"
    assert store.get(f"{path_of(slice_)}/frames/1", accept=mismatch).status_code == 406


@pytest.mark.rule("dicom.frames.png", FRAMES)
def test_a_frame_comes_as_png(store: DicomStore, slice_: Dataset) -> None:
    answer = store.get(f"{path_of(slice_)}/frames/1", accept=PART.format("image/png"))
    ((head, frame),) = frames_of(answer)
    assert head.endswith("image/png")
    assert Image.open(io.BytesIO(frame)).size == (slice_.Columns, slice_.Rows)


@pytest.mark.rule("dicom.frames.order", FRAMES)
def test_frames_come_in_the_order_asked_for(store: DicomStore) -> None:
    pixels = np.arange(4 * 32 * 32, dtype="<u2")
    dataset = ct_series(1, NumberOfFrames=4, PixelData=pixels.tobytes())[0]
    store.put(dataset)
    found = frames_of(store.get(f"{path_of(dataset)}/frames/4,1,3"))
    frames = pixels.reshape(4, -1)
    assert [frame for _, frame in found] == [frames[i].tobytes() for i in (3, 0, 2)]
    assert store.get(f"{path_of(dataset)}/frames/4,5").status_code == 404


@pytest.mark.rule("dicom.frames.bits", FRAMES)
def test_frames_of_single_bits_are_packed_again(store: DicomStore) -> None:
    bits = np.random.default_rng(7).integers(0, 2, 3 * 25, dtype=np.uint8)
    packed = np.packbits(bits, bitorder="little").tobytes()
    shape = {"Rows": 5, "Columns": 5, "NumberOfFrames": 3}
    depth = {"BitsAllocated": 1, "BitsStored": 1, "HighBit": 0}
    dataset = ct_series(1, **shape, **depth, PixelData=packed)[0]
    store.put(dataset)
    ((_, second),) = frames_of(store.get(f"{path_of(dataset)}/frames/2"))
    assert second == np.packbits(bits[25:50], bitorder="little").tobytes()


@pytest.mark.rule("dicom.frames.colour", FRAMES)
def test_a_compressed_colour_frame_comes_decoded(store: DicomStore) -> None:
    file = shipped("SC_rgb_rle.dcm")
    assert store.stow([file]).status_code == 200
    dataset = pydicom.dcmread(io.BytesIO(file))
    ((_, frame),) = frames_of(store.get(f"{path_of(dataset)}/frames/1"))
    expected = pixel_array(dataset)
    assert np.array_equal(np.frombuffer(frame, np.uint8).reshape(expected.shape), expected)


@pytest.mark.rule("dicom.bulk_data.types", BULK_DATA)
def test_bulk_data_is_multipart_unless_asked_for_bare(store: DicomStore, slice_: Dataset) -> None:
    (found,) = store.get(f"{path_of(slice_)}/metadata").json()
    url = found["7FE00010"]["BulkDataURI"]
    peer = Peer("localcloud", store.url)
    for accept in ("*/*", f"{PART.format('application/octet-stream')}; transfer-syntax=*"):
        assert peer.parts(url, accept) == [slice_.PixelData]
    bare = requests.get(url, headers={"Accept": "application/octet-stream"}, timeout=30)
    assert bare.headers["content-type"] == "application/octet-stream"
    assert bare.content == slice_.PixelData
    decoded = f"application/octet-stream; transfer-syntax={ExplicitVRLittleEndian}"
    assert requests.get(url, headers={"Accept": decoded}, timeout=30).status_code == 406


@pytest.mark.rule("dicom.bulk_data.definition", DEFINITION)
def test_large_numbers_are_bulk_data_and_small_ones_are_not(store: DicomStore) -> None:
    dataset = ct_series(1)[0]
    dataset.add_new(0x00720076, "OL", bytes(2048))
    dataset.add_new(0x0072006F, "OF", bytes(2052))
    dataset.add_new(0x00720078, "UL", list(range(512)))
    dataset.add_new(0x00720074, "FD", [0.5] * 513)
    store.put(dataset)
    (found,) = store.get(f"{path_of(dataset)}/metadata").json()
    referred = {tag for tag, element in found.items() if "BulkDataURI" in element}
    assert referred == {"0072006F", "00720074", "7FE00010"}
    values = store.web.retrieve_bulkdata(found["00720074"]["BulkDataURI"])
    assert values == [np.full(513, 0.5, "<f8").tobytes()]


@pytest.mark.rule("dicom.retrieve.metadata.long_sequence", f"{STATEMENT}#metadata_resources")
def test_a_sequence_of_more_than_a_megabyte_is_not_in_the_metadata(store: DicomStore) -> None:
    dataset = ct_series(1)[0]
    items = [Dataset() for _ in range(1200)]
    for item in items:
        item.TextValue = "x" * 1000
    dataset.ContentSequence = items
    dataset.ReferencedImageSequence = items[:3]
    store.put(dataset)
    (found,) = store.get(f"{path_of(dataset)}/metadata").json()
    assert "0040A730" not in found
    assert len(found["00081140"]["Value"]) == 3
    kept = store.get(path_of(dataset), accept="application/dicom; transfer-syntax=*")
    assert kept.content == encoded(dataset)


@pytest.mark.rule("dicom.retrieve.length", f"{STATEMENT}#retrieve_transaction")
def test_an_answer_of_stored_files_says_how_long_it_is(store: DicomStore) -> None:
    slices = ct_series(3)
    store.put(*slices)
    accept = f"{PART.format('application/dicom')}; transfer-syntax=*"
    answer = store.get(path_of(slices[0], 2), accept=accept)
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert len(frames_of(answer)) == 3


@pytest.mark.rule("dicom.retrieve.forbidden", f"{STATEMENT}#status_codes")
def test_a_missing_resource_may_look_forbidden(
    start_cloud: Callable[..., Any], tmp_path: Path
) -> None:
    with start_cloud(tmp_path, '--set=forbid_missing="everything"') as running:
        store = DicomStore.create(running.healthcare)
        missing = path_of(ct_series(1)[0])
        answers = [store.get(missing), requests.delete(store.url + missing, timeout=30)]
        for answer in answers:
            assert answer.status_code == 403
            error = answer.json()["error"]
            assert error["status"] == "PERMISSION_DENIED"
            assert "may not exist" in error["message"]
        assert store.get(f"/studies/{generate_uid()}/series").json() == []
