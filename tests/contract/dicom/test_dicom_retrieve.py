"""The Retrieve transaction (WADO-RS): files, metadata, bulk data, and missing resources."""

from __future__ import annotations

import io

import numpy as np
import pydicom
import pytest
import requests
from pydicom.data import get_charset_files
from pydicom.uid import (
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
    generate_uid,
)
from tests.contract.dicom.files import ct_series, encoded, shipped
from tests.contract.dicom.stores import DicomStore, path_of

CONFORMANCE = "https://cloud.google.com/healthcare-api/docs/dicom#retrieve_transaction"
METADATA = "https://cloud.google.com/healthcare-api/docs/dicom#metadata_resources"
AS_STORED = 'multipart/related; type="application/dicom"; transfer-syntax=*'


def stored_path(store: DicomStore, file: bytes) -> str:
    """Store a file and return its DICOMweb path."""
    assert store.stow([file]).status_code == 200
    return path_of(pydicom.dcmread(io.BytesIO(file), stop_before_pixels=True))


@pytest.mark.rule("dicom.retrieve.as_stored", CONFORMANCE)
def test_a_series_comes_back_byte_for_byte(store: DicomStore) -> None:
    slices = ct_series(5)
    store.put(*slices)
    answer = store.get(path_of(slices[0], 2), accept=AS_STORED)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("multipart/related; type=")
    for dataset in slices:
        assert encoded(dataset) in answer.content
    first = slices[0]
    assert len(store.web.retrieve_study(first.StudyInstanceUID)) == 5
    found = store.web.retrieve_series(first.StudyInstanceUID, first.SeriesInstanceUID)
    assert [item.SOPInstanceUID for item in found] == [item.SOPInstanceUID for item in slices]


@pytest.mark.rule("dicom.retrieve.single_part", CONFORMANCE)
def test_an_instance_comes_bare_or_as_multipart(store: DicomStore) -> None:
    dataset = ct_series(1)[0]
    store.put(dataset)
    bare = store.get(path_of(dataset), accept="application/dicom; transfer-syntax=*")
    assert bare.headers["content-type"] == "application/dicom; transfer-syntax=1.2.840.10008.1.2.1"
    assert bare.content == encoded(dataset)
    uids = (dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID)
    assert store.web.retrieve_instance(*uids).PixelData == dataset.PixelData
    refused = store.get(path_of(dataset, 2), accept="application/dicom")
    assert refused.status_code == 406


@pytest.mark.rule("dicom.retrieve.default_transfer_syntax", CONFORMANCE)
@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("MR_small_implicit.dcm", "MR_small.dcm"),
        ("MR_small_bigendian.dcm", "MR_small.dcm"),
        ("MR_small_RLE.dcm", "MR_small.dcm"),
        ("MR_small_jp2klossless.dcm", "MR_small.dcm"),
        ("MR_small_jpeg_ls_lossless.dcm", "MR_small.dcm"),
    ],
)
def test_without_a_wish_the_file_is_decoded(store: DicomStore, name: str, reference: str) -> None:
    path = stored_path(store, shipped(name))
    answer = store.get(path, accept="application/dicom")
    decoded = pydicom.dcmread(io.BytesIO(answer.content))
    assert decoded.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    expected = pydicom.dcmread(io.BytesIO(shipped(reference))).pixel_array
    assert np.array_equal(decoded.pixel_array, expected)


@pytest.mark.rule("dicom.retrieve.transcoded", CONFORMANCE)
@pytest.mark.parametrize("syntax", [JPEG2000Lossless, JPEGLSLossless, RLELossless])
@pytest.mark.parametrize(
    "name",
    [
        "MR_small_implicit.dcm",
        "CT_small.dcm",
        "SC_rgb_small_odd.dcm",
        "MR_small_RLE.dcm",
        "MR_small_bigendian.dcm",
        "image_dfl.dcm",
    ],
)
def test_a_file_comes_losslessly_compressed_on_request(
    store: DicomStore, name: str, syntax: str
) -> None:
    path = stored_path(store, shipped(name))
    answer = store.get(path, accept=f"application/dicom; transfer-syntax={syntax}")
    assert answer.status_code == 200, answer.text
    found = pydicom.dcmread(io.BytesIO(answer.content))
    assert found.file_meta.TransferSyntaxUID == syntax
    original = pydicom.dcmread(io.BytesIO(shipped(name)))
    assert found.SOPInstanceUID == original.SOPInstanceUID
    assert np.array_equal(found.pixel_array, original.pixel_array)


@pytest.mark.rule("dicom.retrieve.not_acceptable", CONFORMANCE)
@pytest.mark.parametrize(
    "accept",
    [
        "text/html",
        "application/dicom; transfer-syntax=1.2.840.10008.1.2.4.999",
        'multipart/related; type="image/tiff"',
    ],
)
def test_what_cannot_be_had_is_not_acceptable(store: DicomStore, accept: str) -> None:
    dataset = ct_series(1)[0]
    store.put(dataset)
    answer = store.get(path_of(dataset), accept=accept)
    assert answer.status_code == 406
    assert answer.json()["error"]["code"] == 406


@pytest.mark.rule("dicom.retrieve.damaged", CONFORMANCE)
def test_pixels_that_cannot_be_decoded_are_an_error_and_stay_as_stored(
    store: DicomStore,
) -> None:
    file = shipped("JPEG2000-embedded-sequence-delimiter.dcm")
    path = stored_path(store, file)
    answer = store.get(path, accept="application/dicom")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, 400)
    assert store.get(path, accept="application/dicom; transfer-syntax=*").content == file


@pytest.mark.rule("dicom.retrieve.metadata", METADATA)
def test_metadata_has_every_element_and_refers_to_bulk_data(store: DicomStore) -> None:
    slices = ct_series(2)
    store.put(*slices)
    found = store.web.retrieve_study_metadata(slices[0].StudyInstanceUID)
    assert [item["00080018"]["Value"][0] for item in found] == [
        dataset.SOPInstanceUID for dataset in slices
    ]
    first = found[0]
    assert first["00100010"]["Value"] == [{"Alphabetic": "Phantom^Chest^Anna"}]
    assert first["00281052"]["Value"] == [-1024.0]
    url = first["7FE00010"]["BulkDataURI"]
    assert url.startswith(f"{store.url}{path_of(slices[0])}/bulkdata/")
    (bulk,) = store.web.retrieve_bulkdata(url)
    assert bulk == slices[0].PixelData


@pytest.mark.rule("dicom.retrieve.metadata.base_url", METADATA)
def test_the_host_header_does_not_change_urls(store: DicomStore) -> None:
    dataset = ct_series(1)[0]
    store.put(dataset)
    answer = requests.get(
        f"{store.url}{path_of(dataset)}/metadata",
        headers={"Host": "attacker.example"},
        timeout=30,
    )
    assert answer.json()[0]["7FE00010"]["BulkDataURI"].startswith(store.url)


@pytest.mark.rule("dicom.retrieve.metadata.utf8", METADATA)
@pytest.mark.parametrize("name", ["chrH31.dcm", "chrRuss.dcm", "chrGreek.dcm", "chrX1.dcm"])
def test_text_in_any_character_set_becomes_utf8(store: DicomStore, name: str) -> None:
    (path,) = get_charset_files(name)
    dataset = pydicom.dcmread(path)
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = generate_uid(), generate_uid()
    store.put(dataset)
    (found,) = store.get(f"{path_of(dataset)}/metadata").json()
    assert found["00080005"]["Value"] == ["ISO_IR 192"]
    value = found["00100010"]["Value"][0]
    assert value.get("Ideographic", "") == dataset.PatientName.ideographic
    assert value.get("Alphabetic", "") == dataset.PatientName.alphabetic


@pytest.mark.rule("dicom.retrieve.metadata.types", METADATA)
def test_metadata_is_json_by_default_and_xml_on_request(store: DicomStore) -> None:
    dataset = ct_series(1)[0]
    store.put(dataset)
    path = f"{path_of(dataset)}/metadata"
    assert store.get(path).headers["content-type"] == "application/dicom+json"
    xml = store.get(path, accept='multipart/related; type="application/dicom+xml"')
    assert b"<FamilyName>Phantom</FamilyName>" in xml.content
    assert store.get(path, accept="image/png").status_code == 406


@pytest.mark.rule("dicom.retrieve.metadata.nested", METADATA)
def test_bulk_data_inside_a_sequence_is_found(store: DicomStore) -> None:
    dataset = ct_series(1)[0]
    item = pydicom.Dataset()
    item.EncapsulatedDocument = b"inside"
    dataset.ReferencedImageSequence = [pydicom.Dataset(), item]
    store.put(dataset)
    (found,) = store.get(f"{path_of(dataset)}/metadata").json()
    url = found["00081140"]["Value"][1]["00420011"]["BulkDataURI"]
    assert store.web.retrieve_bulkdata(url) == [b"inside"]
    missing = requests.get(url.replace("0042/0011", "0042/0012"), timeout=30)
    assert missing.status_code == 404


@pytest.mark.rule("dicom.retrieve.missing", CONFORMANCE)
def test_a_missing_resource_is_not_found_at_every_level(store: DicomStore) -> None:
    dataset = ct_series(1)[0]
    store.put(dataset)
    other = ct_series(1)[0]
    other.StudyInstanceUID = dataset.StudyInstanceUID
    for path in (path_of(ct_series(1)[0], 1), path_of(other, 2), path_of(other)):
        for suffix in ("", "/metadata"):
            answer = store.get(path + suffix)
            assert answer.status_code == 404
            assert answer.json()["error"]["status"] == "NOT_FOUND"
