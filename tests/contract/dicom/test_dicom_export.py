"""Exports to Cloud Storage: names, forms, what fails, and who else may be the destination."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pydicom
import pytest
from google.cloud import storage
from googleapiclient.errors import HttpError
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, RLELossless, generate_uid
from tests.contract.dicom.files import ct_series, ct_slice, encoded, shipped
from tests.contract.dicom.stores import DicomStore, unique

REST = "https://cloud.google.com/healthcare-api/docs/reference/rest/v1"
EXPORT = f"{REST}/projects.locations.datasets.dicomStores/export"
GCS = f"{EXPORT}#GcsDestination"
NOT_FOUND, UNKNOWN = 5, 2


def export(store: DicomStore, prefix: str, mime_type: str = "") -> dict[str, Any]:
    """Run an export and return its finished operation."""
    destination = {"uriPrefix": prefix, **({"mimeType": mime_type} if mime_type else {})}
    body = {"gcsDestination": destination}
    return store.wait(store.stores.export(name=store.name, body=body).execute())


def refused(store: DicomStore, body: dict[str, Any]) -> int:
    with pytest.raises(HttpError) as caught:
        store.stores.export(name=store.name, body=body).execute()
    assert caught.value.reason
    return caught.value.status_code


def names(bucket: storage.Bucket) -> set[str]:
    return {blob.name for blob in bucket.list_blobs()}


def path_in(dataset: Dataset, folder: str = "") -> str:
    uids = (dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID)
    return folder + "/".join(uids)


@pytest.mark.rule("dicom.export.original", EXPORT)
@pytest.mark.rule("dicom.export.counters", EXPORT)
def test_instances_are_exported_as_they_were_stored(
    store: DicomStore, bucket: storage.Bucket
) -> None:
    slices = ct_series(3)
    store.put(*slices)
    operation = export(store, f"gs://{bucket.name}/out")
    assert operation["metadata"]["counter"] == {"success": "3"}
    assert operation["response"]["@type"].endswith("ExportDicomDataResponse")
    assert names(bucket) == {f"{path_in(item, 'out/')}.dcm" for item in slices}
    blob = bucket.get_blob(f"{path_in(slices[0], 'out/')}.dcm")
    assert blob.download_as_bytes() == encoded(slices[0])
    assert blob.content_type == "application/dicom"


@pytest.mark.rule("dicom.export.prefix", GCS)
@pytest.mark.parametrize(
    ("suffix", "folder"), [("", ""), ("/", ""), ("/a/b", "a/b/"), ("/a/", "a/")]
)
def test_a_prefix_is_a_folder_with_or_without_a_slash(
    store: DicomStore, bucket: storage.Bucket, suffix: str, folder: str
) -> None:
    (dataset,) = ct_series(1)
    store.put(dataset)
    export(store, f"gs://{bucket.name}{suffix}")
    assert names(bucket) == {f"{path_in(dataset, folder)}.dcm"}


@pytest.mark.rule("dicom.export.overwrites", EXPORT)
def test_an_export_overwrites_what_it_exported_before(
    store: DicomStore, bucket: storage.Bucket
) -> None:
    (dataset,) = ct_series(1)
    store.put(dataset)
    name = f"{path_in(dataset)}.dcm"
    bucket.blob(name).upload_from_string("older")
    bucket.blob("other").upload_from_string("stays")
    export(store, f"gs://{bucket.name}")
    assert bucket.blob(name).download_as_bytes() == encoded(dataset)
    assert bucket.blob("other").download_as_bytes() == b"stays"


@pytest.mark.rule("dicom.export.persists", EXPORT)
def test_what_is_exported_outlives_the_store(store: DicomStore, bucket: storage.Bucket) -> None:
    store.put(*ct_series(1))
    export(store, f"gs://{bucket.name}")
    store.stores.delete(name=store.name).execute()
    assert len(names(bucket)) == 1


@pytest.mark.rule("dicom.export.syntax", GCS)
def test_a_transfer_syntax_can_be_asked_for(store: DicomStore, bucket: storage.Bucket) -> None:
    (dataset,) = ct_series(1)
    store.put(dataset)
    for syntax in (RLELossless, ExplicitVRLittleEndian):
        export(store, f"gs://{bucket.name}", f"application/dicom; transfer-syntax={syntax}")
        blob = bucket.blob(f"{path_in(dataset)}.dcm")
        exported = pydicom.dcmread(io.BytesIO(blob.download_as_bytes()))
        assert exported.file_meta.TransferSyntaxUID == syntax
        assert np.array_equal(exported.pixel_array, dataset.pixel_array)


@pytest.mark.rule("dicom.export.pictures", GCS)
@pytest.mark.parametrize(
    ("mime_type", "extension", "kind"),
    [
        ("image/jpeg", ".jpg", "JPEG"),
        ("image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.50", ".jpg", "JPEG"),
        ("image/png", ".png", "PNG"),
    ],
)
def test_instances_are_exported_as_pictures(
    store: DicomStore, bucket: storage.Bucket, mime_type: str, extension: str, kind: str
) -> None:
    (dataset,) = ct_series(1)
    store.put(dataset)
    export(store, f"gs://{bucket.name}", mime_type)
    blob = bucket.get_blob(f"{path_in(dataset)}{extension}")
    picture = Image.open(io.BytesIO(blob.download_as_bytes()))
    assert (picture.format, picture.size) == (kind, (dataset.Columns, dataset.Rows))
    assert blob.content_type == mime_type.split(";", maxsplit=1)[0]


@pytest.mark.rule("dicom.export.frames", GCS)
def test_only_a_multi_frame_instance_has_frame_numbers(
    store: DicomStore, bucket: storage.Bucket
) -> None:
    dataset = ct_slice(generate_uid(), generate_uid(), NumberOfFrames=3)
    dataset.PixelData = dataset.PixelData * 3
    single = ct_slice(generate_uid(), generate_uid())
    store.put(dataset, single)
    operation = export(store, f"gs://{bucket.name}", "image/png")
    assert operation["metadata"]["counter"] == {"success": "2"}, "instances, not files"
    frames = {f"{path_in(dataset)}/{number}.png" for number in (1, 2, 3)}
    assert names(bucket) == {*frames, f"{path_in(single)}.png"}


@pytest.mark.rule("dicom.export.octets", GCS)
def test_raw_pixels_have_no_extension(store: DicomStore, bucket: storage.Bucket) -> None:
    file = shipped("MR_small_RLE.dcm")
    assert store.stow([file]).status_code == 200
    dataset = pydicom.dcmread(io.BytesIO(file))
    syntax = "application/octet-stream; transfer-syntax="
    export(store, f"gs://{bucket.name}/native", f"{syntax}{ExplicitVRLittleEndian}")
    native = bucket.blob(path_in(dataset, "native/")).download_as_bytes()
    assert native == dataset.pixel_array.tobytes()
    export(store, f"gs://{bucket.name}/stored", f"{syntax}*")
    stored = bucket.blob(path_in(dataset, "stored/")).download_as_bytes()
    assert stored == next(pydicom.encaps.generate_frames(dataset.PixelData, number_of_frames=1))


@pytest.mark.rule("dicom.export.partial", EXPORT)
def test_an_instance_without_such_a_form_fails_and_the_others_are_written(
    store: DicomStore, bucket: storage.Bucket
) -> None:
    (dataset,) = ct_series(1)
    store.put(dataset)
    assert store.stow([shipped("test-SR.dcm")]).status_code == 200
    operation = export(store, f"gs://{bucket.name}", "image/png")
    assert operation["metadata"]["counter"] == {"success": "1", "failure": "1"}
    assert operation["error"]["code"] == UNKNOWN
    assert "response" not in operation
    assert names(bucket) == {f"{path_in(dataset)}.png"}


@pytest.mark.rule("dicom.export.bucket", EXPORT)
def test_a_missing_bucket_fails_the_operation(store: DicomStore) -> None:
    store.put(*ct_series(1))
    operation = export(store, f"gs://{unique('absent')}/out")
    assert operation["error"]["code"] == NOT_FOUND
    assert "success" not in operation["metadata"]["counter"]


@pytest.mark.rule("dicom.export.empty", EXPORT)
def test_an_empty_store_exports_nothing_and_succeeds(
    store: DicomStore, bucket: storage.Bucket
) -> None:
    operation = export(store, f"gs://{bucket.name}")
    assert "response" in operation
    assert "counter" not in operation["metadata"]
    assert names(bucket) == set()


@pytest.mark.rule("dicom.export.destination", EXPORT)
@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, 400),
        ({"gcsDestination": {}}, 400),
        ({"gcsDestination": {"uriPrefix": "s3://bucket/x"}}, 400),
        ({"gcsDestination": {"uriPrefix": "gs://bucket", "mimeType": "image/gif"}}, 400),
        (
            {
                "gcsDestination": {
                    "uriPrefix": "gs://bucket",
                    "mimeType": "application/dicom; transfer-syntax=1.2.3",
                }
            },
            400,
        ),
        (
            {
                "gcsDestination": {"uriPrefix": "gs://bucket"},
                "bigqueryDestination": {"tableUri": "bq://p.d.t"},
            },
            400,
        ),
        ({"gcsDestination": {"uriPrefix": "gs://bucket"}, "filterConfig": {}}, 400),
    ],
)
def test_a_destination_that_cannot_be_is_refused_at_once(
    store: DicomStore, body: dict[str, Any], code: int
) -> None:
    assert refused(store, body) == code


@pytest.mark.rule("localcloud.export.bigquery", f"{EXPORT}#BigQueryDestination")
def test_bigquery_is_refused_by_name(store: DicomStore) -> None:
    body = {"bigqueryDestination": {"tableUri": "bq://p.d.t"}}
    with pytest.raises(HttpError, match="bigquery_destination is not served") as caught:
        store.stores.export(name=store.name, body=body).execute()
    assert caught.value.status_code == 501
