"""De-identifying as a client sees it: patients, pictures with text, and what came out."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pydicom
import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import vision
from googleapiclient.errors import HttpError
from PIL import Image, ImageDraw, ImageFont
from pydicom.dataset import Dataset
from tests.contract.dicom.files import ct_slice
from tests.contract.dicom.stores import DicomStore, unique

MINIMAL = {"dicom": {"filterProfile": "MINIMAL_KEEP_LIST_PROFILE"}}
# Everything that names the patient in the files made here.
SECRETS = (b"Phantom", b"Anna", b"P-1", b"A-1", b"19700101", b"20260102", b"101112", b"Erring")
SIDE_PIXELS = 192
TEXT_SIZE_PIXELS = 17
LINE_TOPS = (20, 140)
# Rows that the first and the second line of text may reach, margins included.
FIRST_LINE, SECOND_LINE = slice(8, 54), slice(128, 174)


def lettered(study: str, series: str, *lines: str, **attributes: object) -> Dataset:
    """Return a slice of noise with one or two lines of text burned into it."""
    dataset = ct_slice(study, series)
    dataset.Rows = dataset.Columns = SIDE_PIXELS
    dataset.PixelData = burned_in(*lines).tobytes()
    # Without a window a picture is shown in full range, and there is one picture to read.
    del dataset.WindowCenter, dataset.WindowWidth
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return dataset


def burned_in(*lines: str) -> np.ndarray:
    """Return 12-bit pixels with the first line near the top and the second near the bottom."""
    picture = Image.new("L", (SIDE_PIXELS, SIDE_PIXELS))
    font = ImageFont.load_default(TEXT_SIZE_PIXELS)
    for line, top in zip(lines, LINE_TOPS, strict=False):
        ImageDraw.Draw(picture).text((12, top), line, fill=255, font=font)
    noise = np.random.default_rng(7).integers(900, 1000, (SIDE_PIXELS, SIDE_PIXELS))
    return np.where(np.asarray(picture) > 96, 1400, noise).astype("<u2")


def new_store(source: DicomStore) -> str:
    """Create another DICOM store in the dataset of one and return its name."""
    parent = source.name.rpartition("/dicomStores/")[0]
    created = source.stores.create(parent=parent, dicomStoreId=unique("anon"), body={}).execute()
    return str(created["name"])


def deidentify(source: DicomStore, **body: Any) -> tuple[dict[str, Any], list[bytes]]:
    """De-identify into a new store; return the finished operation and the files that came out."""
    operation, copies = deidentify_to(source, **body)
    return operation, files_of(copies)


def deidentify_to(source: DicomStore, **body: Any) -> tuple[dict[str, Any], DicomStore]:
    """De-identify into a new store; return the finished operation and that store."""
    destination = new_store(source)
    body = {"destinationStore": destination, **body}
    started = source.stores.deidentify(sourceStore=source.name, body=body).execute()
    operation = source.wait(started)
    return operation, DicomStore(source.base_url, destination, source.datasets)


def files_of(store: DicomStore) -> list[bytes]:
    """Return every file of a store as it is stored, in the order of InstanceNumber if any."""
    accept = 'application/dicom; transfer-syntax="*"'
    found = []
    for item in store.get("/instances").json():
        study, series, instance = (
            item[tag]["Value"][0] for tag in ("0020000D", "0020000E", "00080018")
        )
        path = f"/studies/{study}/series/{series}/instances/{instance}"
        found.append(store.get(path, accept=accept).content)
    return sorted(found, key=lambda file: int(read(file).get("InstanceNumber") or 0))


def read(file: bytes) -> Dataset:
    return pydicom.dcmread(io.BytesIO(file))


def only(files: list[bytes]) -> Dataset:
    """Return the one dataset that came out."""
    (file,) = files
    return read(file)


def text_in(cloud: Any, pixels: np.ndarray) -> str:
    """Return what the Vision API reads in a picture, which is spread over the full range."""
    low, high = float(pixels.min()), float(pixels.max())
    spread = ((pixels - low) / ((high - low) or 1.0) * 255).astype(np.uint8)
    encoded = io.BytesIO()
    Image.fromarray(spread).save(encoded, "PNG")
    client = vision.ImageAnnotatorClient(
        transport="rest",
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": cloud.vision},
    )
    answer = client.text_detection(image=vision.Image(content=encoded.getvalue()))
    return "".join(annotation.description for annotation in answer.text_annotations)


def refused(request: Any) -> int:
    """Run a request that must be refused; return its HTTP code."""
    with pytest.raises(HttpError) as caught:
        request.execute()
    assert caught.value.reason
    return caught.value.status_code
