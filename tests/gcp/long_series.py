"""Analyse CT series of the given lengths, one after the other, and print the peak after each.

The DICOM store makes its slices while they are read, and Vision takes longer than rendering does,
so that what waits for either would be seen in the memory of this process.
"""

from __future__ import annotations

import io
import json
import re
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import requests
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from wetread.core.annotations import ImageAnnotation
from wetread.core.findings import AnalysisFindings
from wetread.core.pixels.burned_in.gate import TextDetector
from wetread.core.plan import PlanRow
from wetread.core.routing.analysis import Analysis
from wetread.core.routing.table import shipped_analyses
from wetread.core.settings import Settings
from wetread.gcp.dicomweb import DicomWebClient
from wetread.gcp.http import HttpApi
from wetread.gcp.model_analysis import ModelAnalysis
from wetread.gcp.row_analysis import RowAnalysis
from wetread.gcp.vision import VisionClient
from wetread.gcp.vision_analysis import VisionAnalysis

VISION_SECONDS = 0.2
_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)
_SIDE = 512
_NOISE = np.random.default_rng(1).integers(0, 2**12, _SIDE * _SIDE, dtype=np.uint16)


def ct_slice(number: int) -> Dataset:
    """Return a slice of noise, which no encoder makes small."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = CTImageStorage
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{number}"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.1", "1.2.2"
    dataset.Modality, dataset.ImageType = "CT", ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows = dataset.Columns = _SIDE
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation = 0
    dataset.RescaleSlope, dataset.RescaleIntercept = 1, 0
    dataset.WindowCenter, dataset.WindowWidth = 2048, 4096
    dataset.ImagePositionPatient, dataset.ImageOrientationPatient = (
        [0, 0, number],
        [1, 0, 0, 0, 1, 0],
    )
    return dataset


class Body:
    """The body of an answer that is made while it is read."""

    def __init__(self, slices: int) -> None:
        self._slices = slices

    def stream(self, _size: int, decode_content: bool) -> Iterator[bytes]:
        for number in range(1, self._slices + 1):
            dataset, stream = ct_slice(number), io.BytesIO()
            dataset.PixelData = np.roll(_NOISE, number).tobytes()
            dataset.save_as(stream, enforce_file_format=True)
            yield b"\r\n--part\r\nContent-Type: application/dicom\r\n\r\n" + stream.getvalue()
        yield b"\r\n--part--\r\n"

    def close(self) -> None:
        """Nothing is open."""


class Store:
    """A session that knows one series."""

    def __init__(self, slices: int) -> None:
        self._slices = slices

    def request(self, _method: str, url: str, **_options: Any) -> requests.Response:
        answer = requests.Response()
        answer.status_code = 200
        if url.endswith("/metadata"):
            instances = [ct_slice(n).to_json_dict() for n in range(1, self._slices + 1)]
            answer._content = json.dumps(instances).encode()
        else:
            answer.headers["Content-Type"] = 'multipart/related; boundary="part"'
            answer.raw = Body(self._slices)
        return answer


class SlowVision:
    """Finds nothing, late."""

    def annotate(self, images: Sequence[bytes], *_: Any, **__: Any) -> list[ImageAnnotation]:
        time.sleep(VISION_SECONDS)
        return [ImageAnnotation() for _ in images]


def no_detector() -> TextDetector:
    raise AssertionError("an original CT slice is not searched for text")


def no_model(_: Analysis) -> ModelAnalysis:
    raise AssertionError("the series is shown to Vision AI alone")


def _vision_analysis(
    vision: VisionClient, settings: Settings, analysis: Analysis
) -> VisionAnalysis:
    return VisionAnalysis(vision, analysis, settings, "0" * 64, "a study")


def main(lengths: Sequence[int]) -> None:
    peaks = []
    for slices in lengths:
        dicomweb = DicomWebClient(HttpApi(Store(slices), "http://store.invalid/v1"), "store")
        vision = cast(VisionClient, SlowVision())
        settings = Settings(sampling="CT=all")
        analysis = RowAnalysis(
            dicomweb=dicomweb,
            vision=partial(_vision_analysis, vision, settings),
            model=no_model,
            text_detector=no_detector,
            settings=settings,
            subject="a study",
        )
        uids = tuple(f"1.2.3.{number}" for number in range(1, slices + 1))
        row = PlanRow("s01", ("1.2.2",), "CT", uids, "", slices, 2 * slices, ("vision",))
        analyses = [shipped_analyses()["vision"]]
        (ran,) = analysis.run("1.2.1", row, analyses, "2026-01-01T00:00:00+00:00")
        assert isinstance(ran.result, AnalysisFindings)
        assert ran.result.images == slices
        (kibibytes,) = _PEAK.findall(Path("/proc/self/status").read_text())
        peaks.append(int(kibibytes) * 2**10)
    print(json.dumps(peaks))


if __name__ == "__main__":
    main([int(length) for length in sys.argv[1:]])
