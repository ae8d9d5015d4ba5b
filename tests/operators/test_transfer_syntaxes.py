"""A study is read whatever its images are compressed with, by this process or by the store."""

from __future__ import annotations

import uuid
from io import BytesIO
from typing import Any

import numpy as np
import pydicom
import pytest
import requests
from pydicom.encaps import encapsulate
from tests.operators.pipeline import Pipeline

from samples import SampleFile, hostile, part10
from wetread.core.pixels.reading import read_instance
from wetread.core.pixels.rendering import render_frame

_PREFIX = "1.2.840.10008.1.2"
JPEG_XL = f"{_PREFIX}.4.110"
JPEG_12_BIT = f"{_PREFIX}.4.51"
DECODED_HERE = tuple(
    f"{_PREFIX}{suffix}"
    for suffix in ("", ".1", ".1.99", ".4.50", ".4.57", ".4.70", ".4.80", ".4.81", ".4.90")
) + tuple(f"{_PREFIX}{suffix}" for suffix in (".4.91", ".4.201", ".4.202", ".4.203", ".5"))
DECODED_BY_THE_STORE = (JPEG_12_BIT, JPEG_XL, f"{_PREFIX}.4.112", f"{_PREFIX}.8.1")
LIMIT_BYTES = 2**26
LOSSY = {
    f"{_PREFIX}.4.50": 8,
    JPEG_12_BIT: 2,
    f"{_PREFIX}.4.81": 2,
    f"{_PREFIX}.4.91": 80,
    f"{_PREFIX}.4.203": 2,
    f"{_PREFIX}.4.112": 12,
}
"""How far a picture may be from the uncompressed one, of 255, where the store's encoder is lossy.

The window is 400 wide, so that what JPEG 2000 at 65 dB leaves out of 16 bits is seen.
"""


def new_study() -> str:
    return f"2.25.{uuid.uuid4().int}"


@pytest.fixture(scope="module")
def encoder(shared_pipeline: Pipeline) -> str:
    """The DICOMweb address of a store that nobody watches."""
    installation = shared_pipeline.installation
    dataset = f"{installation.healthcare.endpoint('healthcare')}/v1/{installation.dataset}"
    answer = requests.post(
        f"{dataset}/dicomStores", params={"dicomStoreId": "encoder"}, json={}, timeout=30
    )
    answer.raise_for_status()
    return f"{dataset}/dicomStores/encoder/dicomWeb"


def series_of(study: str, instance: int) -> str:
    """Two series, so that each is short enough for every slice of it to be looked at."""
    return f"{study}.{1 + instance % 2}"


def compressed(encoder: str, syntax: str, instance: int, study: str) -> bytes:
    """Return a CT slice in a transfer syntax, which a store makes of an uncompressed one."""
    original = hostile.image(instance=1)
    content_type = {"Content-Type": "application/dicom"}
    stored = requests.post(
        f"{encoder}/studies", headers=content_type, data=part10.encode(original), timeout=30
    )
    stored.raise_for_status()
    found = requests.get(
        f"{encoder}/studies/{original.StudyInstanceUID}/series/{original.SeriesInstanceUID}"
        f"/instances/{original.SOPInstanceUID}",
        headers={"Accept": f"application/dicom; transfer-syntax={syntax}"},
        timeout=30,
    )
    found.raise_for_status()
    return renamed(found.content, study, instance)


def shown(blob: bytes | None) -> np.ndarray[Any, Any]:
    assert blob is not None
    return render_frame(read_instance(blob), limit_bytes=LIMIT_BYTES).pixels.astype(int)


def renamed(blob: bytes, study: str, instance: int) -> bytes:
    dataset = pydicom.dcmread(BytesIO(blob))
    assert dataset.PixelData
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study, series_of(study, instance)
    dataset.SOPInstanceUID = f"{series_of(study, instance)}.{instance}"
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    return written(dataset)


def written(dataset: pydicom.Dataset) -> bytes:
    stream, syntax = BytesIO(), dataset.file_meta.TransferSyntaxUID
    is_implicit = syntax == _PREFIX
    # Forced, because pydicom does not know the newest transfer syntaxes.
    pydicom.dcmwrite(
        stream, dataset, implicit_vr=is_implicit, little_endian=True, force_encoding=True
    )
    return stream.getvalue()


def outcomes(results: dict[str, object]) -> object:
    assert not [result for result in results.values() if isinstance(result, Exception)]
    return results["archive_source"]


def analysed(count: int, unsupported: int = 0) -> dict[str, int]:
    return {"analysed": count, "skipped": 0, "unsupported": unsupported, "quarantined": 0}


def test_one_series_in_every_transfer_syntax(shared_pipeline: Pipeline, encoder: str) -> None:
    """Google's store transcodes to all of these, so a hospital's may send them."""
    study = new_study()
    syntaxes = DECODED_HERE + DECODED_BY_THE_STORE
    files = [
        SampleFile(f"{number}.dcm", compressed(encoder, syntax, number, study))
        for number, syntax in enumerate(syntaxes, 1)
    ]
    results = shared_pipeline.process("every-syntax", files)
    assert outcomes(results) == analysed(len(syntaxes))

    dicomweb, original = shared_pipeline.installation.dicomweb, shown(hostile.valid())
    for number, syntax in enumerate(syntaxes, 1):
        is_ours = syntax in DECODED_HERE
        retrieve = dicomweb.retrieve_instance if is_ours else dicomweb.retrieve_transcoded
        series = series_of(study, number)
        picture = shown(retrieve(study, series, f"{series}.{number}", "the test's study"))
        assert np.abs(picture - original).max() <= LOSSY.get(syntax, 0), syntax


@pytest.mark.parametrize("syntax", DECODED_BY_THE_STORE)
def test_a_study_that_only_the_store_decodes(
    shared_pipeline: Pipeline, encoder: str, syntax: str
) -> None:
    study = new_study()
    file = SampleFile("1.dcm", compressed(encoder, syntax, 1, study))
    assert outcomes(shared_pipeline.process(f"only-{syntax}", [file])) == analysed(1)


def test_what_the_store_cannot_decode_either_does_not_stop_the_study(
    shared_pipeline: Pipeline, encoder: str
) -> None:
    study = new_study()
    good, bad = (compressed(encoder, JPEG_XL, number, study) for number in (1, 2))
    damaged = pydicom.dcmread(BytesIO(bad))
    damaged.PixelData = encapsulate([b"\xff\x0a" + b"noise" * 20])
    damaged["PixelData"].is_undefined_length = True
    files = [SampleFile("1.dcm", good), SampleFile("2.dcm", written(damaged))]
    assert outcomes(shared_pipeline.process("damaged", files)) == analysed(1, unsupported=1)
