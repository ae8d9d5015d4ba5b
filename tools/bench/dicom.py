"""STOW-RS of CT slices and WADO-RS of their series, beside Orthanc."""

from __future__ import annotations

import http.client
import itertools
import random
from collections.abc import Iterator
from urllib.parse import urlsplit

import requests
from tests.contract.dicom.files import ct_slice, encoded, multipart
from tools.bench.measure import Measurement, stopwatch

_SLICES = 500
_SIDE_PIXELS = 512
_UIDS = itertools.count(10**38)
_READ_BYTES = 1 << 20
_PEER = "Orthanc 1.10.1 (Debian)"


class Series:
    """New series of the same slices: only the UIDs differ, and have the same length."""

    def __init__(self) -> None:
        self._study, self._series, self._instance = (_uid() for _ in range(3))
        pixels = random.Random(1).randbytes(2 * _SIDE_PIXELS**2)
        side = {"Rows": _SIDE_PIXELS, "Columns": _SIDE_PIXELS}
        values = {"BitsStored": 16, "HighBit": 15, "SOPInstanceUID": self._instance}
        dataset = ct_slice(self._study, self._series, 1, **side, **values, PixelData=pixels)
        self._template = encoded(dataset)

    def new(self) -> tuple[str, str, list[bytes]]:
        """Return a study's UID, its series' UID and the files."""
        study, series = _uid(), _uid()
        base = self._template.replace(self._study.encode(), study.encode())
        base = base.replace(self._series.encode(), series.encode())
        old = self._instance.encode()
        return study, series, [base.replace(old, _uid().encode()) for _ in range(_SLICES)]


def measurements(ours: str, theirs: str | None) -> Iterator[Measurement]:
    """Measure two DICOMweb services by their root addresses."""
    series = Series()
    peer = _PEER if theirs else "Orthanc is not installed (apt-get install orthanc-dicomweb)"

    def stow(url: str, slices_per_request: int) -> float:
        _, _, files = series.new()
        return _store(url, files, slices_per_request)

    for number in (1, 50):
        yield Measurement(
            f"STOW-RS, {_SLICES} CT slices of 512 x 512 x 16 bit, {number} in each request",
            "slices/s",
            "at least Orthanc's rate",
            peer,
            lambda number=number: stow(ours, number),
            (lambda number=number: stow(theirs, number)) if theirs else None,
        )
    study, uid, files = series.new()
    for url in filter(None, (ours, theirs)):
        _store(url, files, 50)
    path = f"/studies/{study}/series/{uid}"
    yield Measurement(
        f"WADO-RS of a series of {_SLICES} CT slices, as stored",
        "MB/s",
        "300 MB/s",
        peer,
        lambda: _read(ours + path),
        (lambda: _read(theirs + path)) if theirs else None,
    )


def _uid() -> str:
    return f"2.25.{next(_UIDS)}"


def _store(url: str, files: list[bytes], slices_per_request: int) -> float:
    bodies = [
        multipart(files[start : start + slices_per_request])
        for start in range(0, len(files), slices_per_request)
    ]
    with requests.Session() as session, stopwatch() as seconds:
        for body, content_type in bodies:
            headers = {"Content-Type": content_type, "Accept": "application/dicom+json"}
            session.post(f"{url}/studies", data=body, headers=headers).raise_for_status()
        return len(files) / seconds()


def _read(url: str) -> float:
    """Read an answer with as little work of the client's own as Python can."""
    parts = urlsplit(url)
    accept = 'multipart/related; type="application/dicom"; transfer-syntax=*'
    connection = http.client.HTTPConnection(parts.netloc)
    buffer, size = bytearray(_READ_BYTES), 0
    with stopwatch() as seconds:
        connection.request("GET", parts.path, headers={"Accept": accept})
        answer = connection.getresponse()
        if answer.status != 200:
            raise RuntimeError(f"GET {url} answered {answer.status}")
        while count := answer.readinto(buffer):
            size += count
        rate = size / 1e6 / seconds()
    if size < 2 * _SIDE_PIXELS**2 * _SLICES:
        raise RuntimeError(f"GET {url} answered only {size} bytes")
    connection.close()
    return rate
