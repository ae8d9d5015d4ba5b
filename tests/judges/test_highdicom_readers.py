"""Every object that Wetread writes for a sample is read back by highdicom's readers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from io import BytesIO
from types import MappingProxyType

import highdicom as hd
import pytest
from pydicom import FileDataset, dcmread
from pydicom.uid import (
    Comprehensive3DSRStorage,
    KeyObjectSelectionDocumentStorage,
    MicroscopyBulkSimpleAnnotationsStorage,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
)
from tests.judges.slides import annotated_slide
from tests.operators.sample_runs import SampleRun

from samples import catalog

pytestmark = pytest.mark.xdist_group("samples")

SAMPLES = [sample.name for sample in catalog()]


def read_report(file: BytesIO) -> int:
    """Return how many measurement groups there are."""
    content = hd.sr.srread(file).content
    return len(content.get_image_measurement_groups()) + len(
        content.get_planar_roi_measurement_groups()
    )


def read_segmentation(file: BytesIO) -> int:
    """Return how many segments have pixels."""
    segmentation = hd.seg.segread(file)
    numbers = list(segmentation.segment_numbers)
    volume = segmentation.get_volume(segment_numbers=numbers)
    return int(volume.array.any(axis=(0, 1, 2)).sum())


def read_key_objects(file: BytesIO) -> int:
    """Return how many images are referred to."""
    document = hd.ko.KeyObjectSelectionDocument.from_dataset(dcmread(file))
    references = document.content.get_references()
    for reference in references:
        document.resolve_reference(reference.referenced_sop_instance_uid)
    return len(references)


def read_key_image(file: BytesIO) -> int:
    """Return how many frames there are."""
    return len(hd.imread(file).get_frames())


def read_annotations(file: BytesIO) -> int:
    """Return how many places are annotated."""
    annotations = hd.ann.annread(file)
    kind = annotations.AnnotationCoordinateType
    groups = annotations.get_annotation_groups()
    return sum(len(group.get_graphic_data(coordinate_type=kind)) for group in groups)


READERS: Mapping[str, Callable[[BytesIO], int]] = MappingProxyType(
    {
        Comprehensive3DSRStorage: read_report,
        KeyObjectSelectionDocumentStorage: read_key_objects,
        MicroscopyBulkSimpleAnnotationsStorage: read_annotations,
        SecondaryCaptureImageStorage: read_key_image,
        SegmentationStorage: read_segmentation,
    }
)


def as_file(instance: FileDataset) -> BytesIO:
    file = BytesIO()
    instance.save_as(file, enforce_file_format=True)
    file.seek(0)
    return file


@pytest.mark.parametrize("name", SAMPLES)
def test_each_object_has_something_to_read(runs: dict[str, SampleRun], name: str) -> None:
    results = runs[name].results_in_dicom
    found = [(ds.Modality, READERS[ds.SOPClassUID](as_file(ds))) for ds in results]
    assert found
    assert [modality for modality, count in found if not count] == []


def test_the_annotations_of_a_slide_are_read(runs: dict[str, SampleRun]) -> None:
    found = {ds.SOPClassUID: ds for ds in annotated_slide(runs["sm-biopsy"])}
    assert read_annotations(as_file(found[MicroscopyBulkSimpleAnnotationsStorage])) == 1


def test_every_reader_is_needed(runs: dict[str, SampleRun]) -> None:
    """So that no kind of object goes unread because no sample leads to it."""
    kinds = {ds.SOPClassUID for run in runs.values() for ds in run.results_in_dicom}
    assert kinds | {MicroscopyBulkSimpleAnnotationsStorage} == set(READERS)
