"""The validator of dicom3tools on the objects of every kind of source."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import BytesIO
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import EnhancedMRImageStorage
from tests.core.dicom.result_cases import ANALYSIS, PIXELS, from_store, header
from tests.judges.dicom3tools import object_complaints, write_files

from samples import biopsy_sm, bone_nm, brain_pt, breast_mg, chest_ct, chest_dx, head_mr, heart_us
from samples.study import SampleFile
from wetread.core.dicom.results import build_results
from wetread.core.findings import (
    AnalysisFindings,
    Candidate,
    CandidateKind,
    Finding,
    ImageReference,
    Mask,
    Region,
)
from wetread.core.pixels.reading import read_instance

SAMPLES: dict[str, Callable[[], Iterator[SampleFile]]] = {
    "CT": lambda: chest_ct.build("ct-chest-nodule", size=64, slices=2, spacing_mm=5.0, nodule=None),
    "DX": lambda: chest_dx.build("dx-chest"),
    "MG": lambda: breast_mg.build("mg-screening"),
    "MR": lambda: head_mr.build("mr-head-two-series"),
    "NM": lambda: bone_nm.build("nm-bone-scan"),
    "PT": lambda: brain_pt.build("pt-brain"),
    "SM": lambda: biopsy_sm.build("sm-biopsy"),
    "US cine": lambda: heart_us.build("us-heart-cine"),
}
REGION = Region(0.2, 0.3, 0.1, 0.2)


def enhanced_mr() -> Dataset:
    """Return the header of three slices in one object, which has its geometry in groups."""
    shared, measures, orientation = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = [1, 1], 3
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    shared.PixelMeasuresSequence = [measures]
    shared.PlaneOrientationSequence = [orientation]
    frames = []
    for number in range(3):
        position, group = Dataset(), Dataset()
        position.ImagePositionPatient = [0, 0, 3 * number]
        group.PlanePositionSequence = [position]
        frames.append(group)
    return header(
        1,
        "MR",
        EnhancedMRImageStorage,
        NumberOfFrames=len(frames),
        FrameOfReferenceUID="1.2.3.9",
        SharedFunctionalGroupsSequence=[shared],
        PerFrameFunctionalGroupsSequence=frames,
    )


def found_on(image: Dataset, other: Dataset) -> AnalysisFindings:
    """Return findings with and without a place, a mask, and a candidate on another image."""
    frame = max(1, int(image.get("NumberOfFrames", 1)) // 2)

    def reference(of: Dataset, number: int = 1) -> ImageReference:
        uids = (str(of.SeriesInstanceUID), str(of.SOPInstanceUID), str(of.SOPClassUID))
        return ImageReference(*uids, frame_number=number)

    bits = base64.b64encode(np.packbits(np.ones(54, bool)).tobytes()).decode("ascii")
    mask = Mask((str(image.SOPInstanceUID),), 3, 4, 6, 9, bits)
    nodule = Finding("pulmonary-nodule", 0.9, 0.5, reference(image), REGION, mask=mask)
    return replace(
        ANALYSIS,
        modality=str(image.Modality),
        findings=(
            nodule,
            replace(nodule, image=reference(image, frame), mask=None),
            Finding("pneumothorax", 0.8, 0.5, reference(other)),
        ),
        candidates=(Candidate(CandidateKind.ANOMALY, "opacité", 0.7, reference(other), REGION),),
        supersedes="a" * 64,
    )


def errors_of(images: list[Dataset], folder: Path) -> tuple[set[str], set[str]]:
    """Return the errors of what is built about the first image, and those of the images."""
    headers = {str(image.SOPInstanceUID): from_store(image) for image in images}
    objects = build_results(found_on(images[0], images[-1]), headers, PIXELS)
    results = [dcmread(BytesIO(result.blob)) for result in objects]
    kinds = {result.Modality for result in results}
    assert kinds >= {"SR", "SEG", "OT", "KO"}
    assert ("ANN" in kinds) == (images[0].Modality == "SM")
    return _errors(results, folder / "results"), _errors(images, folder / "sources")


def _errors(instances: list[Dataset], folder: Path) -> set[str]:
    said = object_complaints(write_files(instances, folder))
    return {line for lines in said.values() for line in lines if "Warning" not in line}


@pytest.mark.needs("dciodvfy")
@pytest.mark.parametrize("kind", SAMPLES)
def test_no_object_has_an_error_that_its_source_had_not(kind: str, tmp_path: Path) -> None:
    files = islice((file for file in SAMPLES[kind]() if file.name.endswith(".dcm")), 2)
    results, sources = errors_of([read_instance(file.content) for file in files], tmp_path)
    assert results <= sources


@pytest.mark.needs("dciodvfy")
def test_frames_of_an_enhanced_image_are_segmented_where_they_lie(tmp_path: Path) -> None:
    image = enhanced_mr()
    headers = {str(image.SOPInstanceUID): from_store(image)}
    objects = build_results(found_on(image, image), headers, PIXELS)
    results = [dcmread(BytesIO(result.blob)) for result in objects]
    assert _errors(results, tmp_path) == set()
    (segmentation,) = (result for result in results if result.Modality == "SEG")
    (frame,) = segmentation.PerFrameFunctionalGroupsSequence
    assert list(frame.PlanePositionSequence[0].ImagePositionPatient) == [0, 0, 0]
    (source,) = frame.DerivationImageSequence[0].SourceImageSequence
    assert source.ReferencedSOPClassUID == EnhancedMRImageStorage
    assert source.ReferencedFrameNumber == 1
