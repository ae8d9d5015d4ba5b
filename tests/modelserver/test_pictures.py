"""An image by reference: one instance, one frame or one object, black at 0 and white at 1."""

from __future__ import annotations

import base64
import io
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from PIL import Image
from pydicom import Dataset
from pydicom.uid import (
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
    UltrasoundMultiFrameImageStorage,
)
from tests.contract.conftest import RunningCloud
from tests.modelserver.series import SIZE, Series, set_pixels
from tests.modelserver.server import RunningServer
from tests.modelserver.stores import Store, fill, multipart, says

from samples import part10

AREA = {"x": 20 / SIZE, "y": 10 / SIZE, "width": 2 / SIZE, "height": 4 / SIZE}
DX = "1.2.840.10008.5.1.4.1.1.1.1"


def radiograph(series: Series, **attributes: Any) -> bytes:
    """A radiograph whose brightest area is ``AREA``."""
    ds = series.image(0, DX)
    ds.Modality = "DX"
    values = np.full((SIZE, SIZE), 1000)
    values[10:14, 20:22] = 3000
    set_pixels(ds, values)
    for name, value in attributes.items():
        setattr(ds, name, value)
    return part10.encode(ds)


def instance(series: Series, store: Store) -> dict[str, str]:
    return store.series(f"{series.path}/instances/{series.uid(0)}")


def found(prediction: dict[str, Any]) -> dict[str, Any]:
    assert "error" not in prediction, prediction
    (detection,) = prediction["detections"]
    return dict(detection)


def ask(server: RunningServer, store: Store, blob: bytes, series: Series) -> dict[str, Any]:
    store.answer = says(200, blob)
    (prediction,) = server.predict("bright-dx", instance(series, store))
    return prediction


def test_a_radiograph_in_a_dicom_store_is_read(server: RunningServer, cloud: RunningCloud) -> None:
    series = Series()
    web = fill(cloud, [radiograph(series)])
    uri = f"{web}/{series.path}/instances/{series.uid(0)}"
    (prediction,) = server.predict("bright-dx", {"dicomweb_uri": uri})
    assert found(prediction) == {
        "code": "bright",
        "score": 1.0,
        "image": {"sop_instance_uid": series.uid(0), "frame_number": 1},
        "box": AREA,
    }


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless, JPEG2000Lossless])
def test_compressed_instances_are_decoded_here(
    server: RunningServer, store: Store, syntax: str
) -> None:
    series = Series()
    ds = _read(radiograph(series))
    ds.compress(syntax, generate_instance_uid=False)
    buffer = io.BytesIO()
    ds.save_as(buffer)
    assert found(ask(server, store, buffer.getvalue(), series))["box"] == AREA


def _read(blob: bytes) -> Dataset:
    from pydicom import dcmread

    return dcmread(io.BytesIO(blob))


@pytest.mark.parametrize(
    ("attributes", "is_bright"),
    [
        ({"WindowCenter": [2000, 5], "WindowWidth": [1500, 1]}, True),
        ({"WindowCenter": 9000, "WindowWidth": 9000}, False),
        ({"WindowCenter": 5000, "WindowWidth": 2000, "RescaleSlope": 2}, True),
        ({"WindowCenter": "", "WindowWidth": ""}, True),
    ],
)
def test_the_declared_window_is_applied_to_rescaled_values(
    server: RunningServer, store: Store, attributes: dict[str, Any], is_bright: bool
) -> None:
    series = Series()
    blob = radiograph(series, **attributes)
    assert bool(ask(server, store, blob, series)["detections"]) is is_bright


@pytest.mark.parametrize(
    "attributes",
    [
        {"PhotometricInterpretation": "MONOCHROME1"},
        {"PresentationLUTShape": "INVERSE"},
        {"PhotometricInterpretation": "MONOCHROME1", "PresentationLUTShape": "INVERSE"},
    ],
)
def test_inverse_images_are_turned_round(
    server: RunningServer, store: Store, attributes: dict[str, str]
) -> None:
    series = Series()
    detection = found(ask(server, store, radiograph(series, **attributes), series))
    assert detection["box"] == {"x": 0.0, "y": 0.0, "width": 1.0, "height": 1.0}


def test_a_frame_of_many_is_chosen_by_its_number(server: RunningServer, store: Store) -> None:
    series = Series()
    ds = series.image(0, UltrasoundMultiFrameImageStorage)
    ds.NumberOfFrames = 3
    values = np.zeros((3, SIZE, SIZE))
    values[1, 10:14, 20:22] = 255
    set_pixels(ds, values, bits=8)
    ds.WindowCenter, ds.WindowWidth = 128, 256
    store.answer = says(200, part10.encode(ds))
    uri = instance(series, store)["dicomweb_uri"]
    refer = [{"dicomweb_uri": f"{uri}{tail}"} for tail in ("", "/frames/2", "/frames/4")]
    first, second, fourth = server.predict("bright-area", *refer)
    assert first["detections"] == []
    assert found(second)["box"] == AREA
    assert found(second)["image"]["frame_number"] == 2
    assert fourth["error"]["code"] == "REFERENCE_NOT_FOUND"


def test_colour_becomes_brightness(server: RunningServer, store: Store) -> None:
    series = Series()
    ds = series.image(0, UltrasoundMultiFrameImageStorage)
    values = np.zeros((SIZE, SIZE, 3), np.uint8)
    values[..., 2] = 255
    values[10:14, 20:22] = 255
    set_pixels(ds, values[..., 0], bits=8)
    ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PlanarConfiguration = 3, "RGB", 0
    ds.PixelData = values.tobytes()
    store.answer = says(200, part10.encode(ds))
    (prediction,) = server.predict("bright-area", instance(series, store))
    assert found(prediction)["box"] == AREA


def test_an_object_in_a_bucket_is_read(server: RunningServer, cloud: RunningCloud) -> None:
    client = storage.Client(
        project="p",
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": cloud.storage},
    )
    bucket = client.create_bucket("pictures-of-the-model-server")
    pixels = np.zeros((SIZE, SIZE), np.uint16)
    pixels[10:14, 20:22] = 40_000
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "png")
    name = "a folder/ä?.png"
    bucket.blob(name).upload_from_string(buffer.getvalue())
    series = Series()
    bucket.blob("object").upload_from_string(radiograph(series))
    uris = [f"gs://{bucket.name}/{path}" for path in (name, "object", quote("missing"))]
    picture, dicom, missing = server.predict("bright-area", *({"gcs_uri": uri} for uri in uris))
    assert found(picture) == {"code": "bright", "score": 1.0, "box": AREA}
    assert found(dicom)["image"]["sop_instance_uid"] == series.uid(0)
    assert missing["error"]["code"] == "REFERENCE_NOT_FOUND"


def test_what_a_model_does_not_look_at_is_refused(server: RunningServer, store: Store) -> None:
    series = Series()
    error = ask(server, store, radiograph(series, Modality="MG"), series)["error"]
    assert error == {"code": "UNSUPPORTED_IMAGE", "description": "the model looks at DX, CR only."}
    volume, image = (
        server.predict(model, reference)[0]["error"]["code"]
        for model, reference in (
            ("bright-spot", instance(series, store)),
            ("bright-area", store.series(series.path)),
        )
    )
    assert volume == image == "UNSUPPORTED_INPUT"
    (bytes_for_volume,) = server.predict("bright-spot", {"input_bytes": "AAAA"})
    assert bytes_for_volume["error"]["code"] == "UNSUPPORTED_INPUT"


@pytest.mark.parametrize(
    "blob",
    [
        b"",
        b"\x00" * 128 + b"DICM",
        radiograph(Series())[:900],
        multipart([b"x"]),
        b"\x89PNG\r\n\x1a\n" + b"\xff" * 64,
    ],
    ids=["empty", "preamble", "cut", "multipart", "broken"],
)
def test_hostile_bytes_are_an_error_of_their_instance(
    server: RunningServer, store: Store, blob: bytes
) -> None:
    store.answer = says(200, blob)
    (prediction,) = server.predict("bright-area", instance(Series(), store))
    assert prediction["error"]["code"] == "IMAGE_INVALID"


def test_an_image_of_too_many_pixels_is_not_decoded(server: RunningServer) -> None:
    buffer = io.BytesIO()
    Image.new("1", (9000, 9000)).save(buffer, "png")
    bomb = {"input_bytes": base64.b64encode(buffer.getvalue()).decode()}
    (prediction,) = server.predict("bright-area", bomb)
    assert prediction["error"]["code"] == "REFERENCE_TOO_LARGE"
