"""Storing instances as DICOM JSON with their binary values in parts of their own."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import numpy as np
import pydicom
import pytest
import requests
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    JPEGBaseline8Bit,
)
from tests.contract.dicom.files import ct_series
from tests.contract.dicom.stores import JSON, DicomStore, path_of

STATEMENT = (
    "https://cloud.google.com/healthcare-api/docs/dicom#json_metadata_and_bulk_data_requests"
)
FAILED, REFERENCED = "00081198", "00081199"
METADATA = f"application/dicom+json; transfer-syntax={ExplicitVRLittleEndian}"
OCTETS = "application/octet-stream"
PIXELS = "7FE00010"

Part = tuple[str, str, bytes]


def as_json(dataset: Dataset, syntax: str = ExplicitVRLittleEndian) -> dict[str, Any]:
    """Return an instance's metadata, its pixels by reference to ``pixels``."""
    document: dict[str, Any] = dataset.to_json_dict()
    document["00020010"] = {"vr": "UI", "Value": [str(syntax)]}
    document["00080005"] = {"vr": "CS", "Value": ["ISO_IR 192"]}
    document[PIXELS] = {"vr": "OW", "BulkDataURI": f"pixels-{dataset.SOPInstanceUID}"}
    return document


def pixel_part(dataset: Dataset, kind: str = OCTETS, content: bytes | None = None) -> Part:
    value = dataset.PixelData if content is None else content
    return kind, f"pixels-{dataset.SOPInstanceUID}", value


def send(
    store: DicomStore, instances: object, *parts: Part, metadata_type: str = METADATA
) -> requests.Response:
    body = f"--b\r\nContent-Type: {metadata_type}\r\n\r\n".encode()
    body += json.dumps(instances).encode() + b"\r\n"
    for kind, location, content in parts:
        head = f"--b\r\nContent-Type: {kind}\r\nContent-Location: {location}\r\n\r\n"
        body += head.encode() + content + b"\r\n"
    headers = {
        "Content-Type": 'multipart/related; type="application/dicom+json"; boundary=b',
        **JSON,
    }
    url = f"{store.url}/studies"
    return requests.post(url, data=body + b"--b--\r\n", headers=headers, timeout=30)


def refused(answer: requests.Response, words: str) -> None:
    assert answer.status_code == 400, answer.text
    assert words in answer.json()["error"]["message"]


@pytest.mark.rule("dicom.store.json", STATEMENT)
def test_metadata_and_pixels_become_instances(store: DicomStore) -> None:
    slices = ct_series(2)
    answer = send(store, [as_json(s) for s in slices], *(pixel_part(s) for s in slices))
    assert answer.status_code == 200, answer.text
    assert len(answer.json()[REFERENCED]["Value"]) == 2
    for dataset in slices:
        file = store.get(path_of(dataset), "application/dicom; transfer-syntax=*").content
        kept = pydicom.dcmread(io.BytesIO(file))
        assert kept.PixelData == dataset.PixelData
        assert kept.PatientName == dataset.PatientName
        assert kept.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian


@pytest.mark.rule("dicom.store.json.again", STATEMENT)
def test_the_same_metadata_and_pixels_again_are_the_same_instance(store: DicomStore) -> None:
    dataset = ct_series(1)[0]
    for expected in (200, 200):
        answer = send(store, [as_json(dataset)], pixel_part(dataset))
        assert answer.status_code == expected
    dataset.PatientID = "OTHER"
    assert send(store, [as_json(dataset)], pixel_part(dataset)).status_code == 409


@pytest.mark.rule("dicom.store.json.jpeg", STATEMENT)
def test_a_jpeg_file_becomes_an_instance(store: DicomStore) -> None:
    grey = np.tile(np.arange(32, dtype=np.uint8) * 8, (32, 1))
    output = io.BytesIO()
    Image.fromarray(grey).save(output, "JPEG", quality=90)
    dataset = ct_series(1, BitsAllocated=8, BitsStored=8, HighBit=7)[0]
    kind = f"image/jpeg; transfer-syntax={JPEGBaseline8Bit}"
    document = as_json(dataset, JPEGBaseline8Bit)
    answer = send(store, [document], pixel_part(dataset, kind, output.getvalue()))
    assert answer.status_code == 200, answer.text
    file = store.get(path_of(dataset), "application/dicom").content
    shown = pydicom.dcmread(io.BytesIO(file)).pixel_array
    assert np.abs(shown.astype(int) - grey).max() <= 8


@pytest.mark.rule("dicom.store.json.required", STATEMENT)
@pytest.mark.parametrize(
    "tag", ["00080005", "00020010", "00080016", "0020000D", "0020000E", "00080018"]
)
def test_an_instance_without_a_required_element_is_not_stored(store: DicomStore, tag: str) -> None:
    good, bad = ct_series(2)
    documents = [as_json(good), as_json(bad)]
    del documents[1][tag]
    answer = send(store, documents, pixel_part(good), pixel_part(bad))
    assert answer.status_code == 409, answer.text
    (failed,) = answer.json()[FAILED]["Value"]
    assert "is required" in failed["00091097"]["Value"][0]
    assert len(answer.json()[REFERENCED]["Value"]) == 1


@pytest.mark.rule("dicom.store.json.character_set", STATEMENT)
def test_the_character_set_must_be_utf8(store: DicomStore) -> None:
    dataset = ct_series(1)[0]
    document = as_json(dataset)
    document["00080005"]["Value"] = ["ISO_IR 100"]
    answer = send(store, [document], pixel_part(dataset))
    assert answer.status_code == 409
    assert "ISO_IR 192" in answer.text


@pytest.mark.rule("dicom.store.json.transfer_syntax", STATEMENT)
@pytest.mark.parametrize("syntax", [ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian])
def test_two_transfer_syntaxes_are_not_supported(store: DicomStore, syntax: str) -> None:
    dataset = ct_series(1)[0]
    answer = send(store, [as_json(dataset, syntax)], pixel_part(dataset))
    refused(answer, "unsupported transfer syntax")


@pytest.mark.rule("dicom.store.json.bulk_parts", STATEMENT)
def test_every_reference_has_one_part_and_every_part_a_reference(store: DicomStore) -> None:
    dataset, other = ct_series(2)
    document = as_json(dataset)
    refused(send(store, [document]), "Content-Location")
    stray = ("application/octet-stream", "nobody", b"12")
    refused(send(store, [document], pixel_part(dataset), stray), "Content-Location")
    twice = [pixel_part(dataset), pixel_part(dataset)]
    refused(send(store, [document], *twice), "Content-Location")
    second = as_json(other)
    second[PIXELS]["BulkDataURI"] = document[PIXELS]["BulkDataURI"]
    refused(send(store, [document, second], pixel_part(dataset)), "once")
    document["00420011"] = {"vr": "OB", "BulkDataURI": "more"}
    more = (OCTETS, "more", b"12")
    refused(send(store, [document], pixel_part(dataset), more), "one BulkDataURI")


@pytest.mark.rule("dicom.store.json.bulk_vr", STATEMENT)
def test_only_binary_elements_can_be_bulk_data(store: DicomStore) -> None:
    dataset = ct_series(1)[0]
    document = as_json(dataset)
    del document[PIXELS]
    document["00104000"] = {"vr": "LT", "BulkDataURI": "comment"}
    refused(send(store, [document], (OCTETS, "comment", b"text")), "OB, OW or UN")


@pytest.mark.rule("dicom.store.json.bulk_types", STATEMENT)
def test_compressed_bulk_data_is_pixels_of_the_instance_s_own_syntax(store: DicomStore) -> None:
    dataset = ct_series(1)[0]
    document = as_json(dataset)
    jpeg = f"image/jpeg; transfer-syntax={JPEGBaseline8Bit}"
    refused(send(store, [document], pixel_part(dataset, jpeg)), "TransferSyntaxUID")
    refused(send(store, [document], pixel_part(dataset, "image/gif")), "image/gif")
    compressed = as_json(dataset, JPEGBaseline8Bit)
    refused(send(store, [compressed], pixel_part(dataset, OCTETS)), "image/jpeg")
    del document[PIXELS]
    document["00420011"] = {"vr": "OB", "BulkDataURI": "document"}
    refused(send(store, [document], (jpeg, "document", b"x")), "only be sent for PixelData")


@pytest.mark.rule("dicom.store.json.inline", STATEMENT)
def test_inline_binary_says_how_it_is_encoded_and_is_not_for_pixels(store: DicomStore) -> None:
    dataset = ct_series(1)[0]
    document = as_json(dataset)
    inline = {"vr": "OB", "InlineBinary": base64.b64encode(b"report").decode()}
    document["00420011"] = inline
    without = "application/dicom+json"
    answer = send(store, [document], pixel_part(dataset), metadata_type=without)
    refused(answer, "transfer-syntax")
    assert send(store, [document], pixel_part(dataset)).status_code == 200
    (found,) = store.get(f"{path_of(dataset)}/metadata").json()
    assert store.web.retrieve_bulkdata(found["00420011"]["BulkDataURI"]) == [b"report"]
    document[PIXELS] = {"vr": "OW", "InlineBinary": inline["InlineBinary"]}
    refused(send(store, [document]), "PixelData must be sent")


@pytest.mark.rule("dicom.store.json.array", STATEMENT)
@pytest.mark.parametrize("metadata", [{}, [], ["x"], [{"00100010": 1}], "text", None])
def test_the_first_part_is_an_array_of_instances(store: DicomStore, metadata: object) -> None:
    refused(send(store, metadata), "array")


@pytest.mark.rule("dicom.store.json.hostile", STATEMENT)
def test_metadata_that_is_no_dataset_is_refused_and_the_server_lives(store: DicomStore) -> None:
    dataset = ct_series(1)[0]
    nested: Any = []
    for _ in range(150):
        nested = [{"00081140": {"vr": "SQ", "Value": nested}}]
    for tag, element in (
        ("nonsense", {"vr": "XX", "Value": [1]}),
        ("00280010", {"vr": "US", "Value": ["many"]}),
        ("00081140", {"vr": "SQ", "Value": nested}),
    ):
        document = as_json(dataset)
        document[tag] = element
        answer = send(store, [document], pixel_part(dataset))
        assert answer.status_code in (200, 400, 409), answer.text
    assert store.get("/instances").status_code == 200
