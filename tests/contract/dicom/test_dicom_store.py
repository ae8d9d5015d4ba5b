"""The Store transaction (STOW-RS) and its answers."""

from __future__ import annotations

import random
import struct
from typing import Any
from xml.etree import ElementTree

import pytest
import requests
from pydicom.config import disable_value_validation
from pydicom.uid import generate_uid
from tests.contract.dicom.files import ct_series, ct_slice, encoded, multipart, shipped
from tests.contract.dicom.stores import JSON, DicomStore, path_of

CONFORMANCE = "https://cloud.google.com/healthcare-api/docs/dicom#store_transaction"
PS3_10 = "https://dicom.nema.org/medical/dicom/current/output/html/part10.html#chapter_7"
FAILED, REFERENCED = "00081198", "00081199"


def failures(answer: requests.Response) -> list[dict[str, Any]]:
    """Return the items of FailedSOPSequence."""
    return list(answer.json()[FAILED]["Value"])


def detail(item: dict[str, Any]) -> str:
    """Return Google's private FailureDetail of a failed item."""
    assert item["00090010"]["Value"] == ["GOOGLE"]
    return str(item["00091097"]["Value"][0])


@pytest.mark.rule("dicom.store.multipart", CONFORMANCE)
def test_a_series_is_stored_by_a_dicomweb_client(store: DicomStore) -> None:
    slices = ct_series(3)
    answer = store.web.store_instances(slices)
    stored = [item.ReferencedSOPInstanceUID for item in answer.ReferencedSOPSequence]
    assert stored == [dataset.SOPInstanceUID for dataset in slices]
    assert answer.RetrieveURL == f"{store.url}{path_of(slices[0], 1)}"
    assert answer.ReferencedSOPSequence[0].RetrieveURL == f"{store.url}{path_of(slices[0])}"
    assert "FailedSOPSequence" not in answer


@pytest.mark.rule("dicom.store.single_part", CONFORMANCE)
def test_one_bare_file_is_stored(store: DicomStore) -> None:
    dataset = ct_series(1)[0]
    headers = {"Content-Type": "application/dicom", **JSON}
    answer = requests.post(
        f"{store.url}/studies", data=encoded(dataset), headers=headers, timeout=30
    )
    assert answer.status_code == 200
    assert store.web.retrieve_instance_metadata(
        dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID
    )


@pytest.mark.rule("dicom.store.partial_failure", CONFORMANCE)
def test_one_bad_file_makes_the_answer_409_and_the_good_ones_stay(store: DicomStore) -> None:
    good = ct_series(1)[0]
    answer = store.stow([encoded(good), b"not a DICOM file"])
    assert answer.status_code == 409
    stored = answer.json()[REFERENCED]["Value"]
    assert [item["00081155"]["Value"] for item in stored] == [[good.SOPInstanceUID]]
    (failed,) = failures(answer)
    assert failed["00081197"]["Value"] == [272]
    assert "invalid DICOM file" in detail(failed)
    assert store.get(f"{path_of(good)}/metadata").status_code == 200


@pytest.mark.rule(
    "dicom.store.identical_again",
    "https://github.com/GoogleCloudPlatform/healthcare-api-dicom-fuse/issues/20",
)
def test_the_same_bytes_again_are_welcome_and_other_bytes_are_not(store: DicomStore) -> None:
    dataset = ct_series(1)[0]
    original = encoded(dataset)
    assert store.stow([original]).status_code == 200
    assert store.stow([original]).status_code == 200
    dataset.StudyDescription = "CHANGED"
    answer = store.stow([encoded(dataset)])
    assert answer.status_code == 409
    assert "already exists" in detail(failures(answer)[0])
    kept = store.get(path_of(dataset), accept="application/dicom; transfer-syntax=*")
    assert kept.content == original


@pytest.mark.rule("dicom.store.wrong_study", CONFORMANCE)
def test_an_instance_of_another_study_is_refused(store: DicomStore) -> None:
    mine, other = ct_series(1)[0], ct_series(1)[0]
    answer = store.stow([encoded(mine), encoded(other)], f"/studies/{mine.StudyInstanceUID}")
    assert answer.status_code == 409
    (failed,) = failures(answer)
    assert failed["00081155"]["Value"] == [other.SOPInstanceUID]
    assert store.get(f"{path_of(other, 1)}/metadata").status_code == 404


@pytest.mark.rule("dicom.store.answer_type", CONFORMANCE)
def test_the_answer_is_xml_unless_json_is_asked_for(store: DicomStore) -> None:
    answer = store.stow([b"junk"], headers={"Accept": "*/*"})
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/dicom+xml"
    root = ElementTree.fromstring(answer.content)  # noqa: S314 - our own server's answer
    attributes = root.iter("DicomAttribute")
    (found,) = [item for item in attributes if item.get("keyword") == "FailureDetail"]
    assert (found.get("tag"), found.get("privateCreator")) == ("00090097", "GOOGLE")
    refused = store.stow([b"junk"], headers={"Accept": "text/html"})
    assert refused.status_code == 406
    assert refused.json()["error"]["code"] == 406


@pytest.mark.rule("dicom.store.bad_request", CONFORMANCE)
@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"{}", "application/json"),
        (b"no boundary here", 'multipart/related; type="application/dicom"; boundary=b'),
        (b"--b\r\n\r\nno end", 'multipart/related; type="application/dicom"; boundary=b'),
        (b"--b--\r\n", 'multipart/related; type="application/dicom"; boundary=b'),
        (b"", 'multipart/related; type="application/dicom"'),
        (
            b"--b\r\nContent-Type: image/png\r\n\r\nx\r\n--b--\r\n",
            'multipart/related; type="application/dicom"; boundary=b',
        ),
    ],
)
def test_a_body_without_dicom_files_is_a_bad_request(
    store: DicomStore, body: bytes, content_type: str
) -> None:
    headers = {"Content-Type": content_type, **JSON}
    answer = requests.post(f"{store.url}/studies", data=body, headers=headers, timeout=30)
    assert answer.status_code == 400
    assert answer.json()["error"]["status"] == "INVALID_ARGUMENT"


def _without(keyword: str) -> bytes:
    dataset = ct_series(1)[0]
    delattr(dataset, keyword)
    return encoded(dataset)


def _with_element_twice() -> bytes:
    element = b"\x10\x00\x20\x00LO" + struct.pack("<H", 4) + b"P-1 "
    file = encoded(ct_series(1)[0])
    return file.replace(element, element + element, 1)


def _nested(depth: int) -> bytes:
    """Return a file whose sequences nest far deeper than any parser's stack."""
    opening = struct.pack("<HH", 0x0040, 0xA730) + b"SQ\0\0\xff\xff\xff\xff"
    opening += struct.pack("<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF)
    file = encoded(ct_series(1)[0])
    pixels = struct.pack("<HH", 0x7FE0, 0x0010)
    return file.replace(pixels, opening * depth + pixels, 1)


HOSTILE = {
    "no study": lambda: _without("StudyInstanceUID"),
    "no series": lambda: _without("SeriesInstanceUID"),
    "no instance": lambda: _without("SOPInstanceUID"),
    "uid is a path": lambda: encoded(ct_slice("../../etc", generate_uid())),
    "uid too long": lambda: encoded(ct_slice("1." + "2" * 70, generate_uid())),
    "empty": lambda: b"",
    "zeros": lambda: b"\0" * 5000,
    "prefix only": lambda: b"\0" * 128 + b"DICM",
    "cut in the header": lambda: encoded(ct_series(1)[0])[:600],
    "cut in the pixels": lambda: encoded(ct_series(1)[0])[:-100],
    "shipped, cut": lambda: shipped("MR_truncated.dcm"),
    "element twice": _with_element_twice,
    "deep": lambda: _nested(3000),
}


@pytest.mark.rule("dicom.store.invalid_file", PS3_10)
@pytest.mark.parametrize("name", HOSTILE)
def test_an_invalid_file_is_refused_with_a_reason_and_the_server_lives(
    store: DicomStore, name: str
) -> None:
    good = ct_series(1)[0]
    with disable_value_validation():
        hostile = HOSTILE[name]()
    answer = store.stow([hostile, encoded(good)])
    assert answer.status_code == 409
    assert "invalid DICOM file" in detail(failures(answer)[0])
    assert len(answer.json()[REFERENCED]["Value"]) == 1
    assert store.get("/instances").json()[0]["00080018"]["Value"] == [good.SOPInstanceUID]


@pytest.mark.rule("dicom.store.damaged_bytes", PS3_10)
def test_damaged_bytes_are_stored_or_refused_but_never_break_the_server(
    store: DicomStore,
) -> None:
    dice = random.Random(20261122)
    original = encoded(ct_series(1)[0])
    damaged = []
    for _ in range(150):
        file = bytearray(original)
        for _ in range(dice.randint(1, 6)):
            file[dice.randrange(132, 1400)] = dice.randrange(256)
        file[len(file) - 8 :] = dice.randbytes(8)
        damaged.append(bytes(file))
    answer = store.stow(damaged)
    assert answer.status_code in (200, 409), answer.text
    items = answer.json()
    count = sum(len(items.get(tag, {}).get("Value", [])) for tag in (FAILED, REFERENCED))
    assert count == len(damaged)
    assert 0 < len(items[FAILED]["Value"]) <= len(damaged)
    for found in store.get("/instances").json():
        uids = [found[tag]["Value"][0] for tag in ("0020000D", "0020000E", "00080018")]
        path = "/studies/{}/series/{}/instances/{}".format(*uids)
        assert store.get(f"{path}/metadata").status_code == 200
        for derived in ("/rendered", "/frames/1"):
            assert store.get(path + derived).status_code in (200, 400, 404, 406)
        for kind in ("application/dicom", "application/dicom; transfer-syntax=*"):
            assert store.get(path, accept=kind).status_code in (200, 400, 406)


@pytest.mark.rule("dicom.store.minimal_validation", CONFORMANCE)
@pytest.mark.parametrize(
    "name",
    [
        "badVR.dcm",
        "ExplVR_BigEnd.dcm",
        "image_dfl.dcm",
        "JPGExtended.dcm",
        "MR_small_RLE.dcm",
        "rtplan.dcm",
        "reportsi.dcm",
        "examples_palette.dcm",
    ],
)
def test_every_transfer_syntax_and_odd_values_are_stored_as_they_are(
    store: DicomStore, name: str
) -> None:
    file = shipped(name)
    assert store.stow([file]).status_code == 200
    (found,) = store.get("/instances").json()
    uids = [found[tag]["Value"][0] for tag in ("0020000D", "0020000E", "00080018")]
    path = "/studies/{}/series/{}/instances/{}".format(*uids)
    kept = store.get(path, accept="application/dicom; transfer-syntax=*")
    assert kept.content == file


@pytest.mark.rule("dicom.store.missing_store", "https://cloud.google.com/apis/design/errors")
def test_a_missing_store_is_not_found(store: DicomStore) -> None:
    body, content_type = multipart([b"x"])
    url = store.url.replace("/images/", "/absent/")
    headers = {"Content-Type": content_type, **JSON}
    answer = requests.post(f"{url}/studies", data=body, headers=headers, timeout=30)
    assert (answer.status_code, answer.json()["error"]["status"]) == (404, "NOT_FOUND")


@pytest.mark.rule("dicom.store.speed", CONFORMANCE)
def test_sixty_slices_of_half_a_megabyte_take_seconds_at_most(store: DicomStore) -> None:
    pixels = {"Rows": 512, "Columns": 512, "PixelData": bytes(512 * 512 * 2)}
    files = [encoded(dataset) for dataset in ct_series(60, **pixels)]
    answer = store.stow(files)
    assert answer.status_code == 200
    # Generous: it takes 0.6 s on two idle cores, and decoding pixels would take far longer.
    assert answer.elapsed.total_seconds() < 6
