"""The objects of a slide on which something was seen, which no sample leads to."""

from __future__ import annotations

import numpy as np
from pydicom import FileDataset
from tests.operators.sample_runs import SampleRun
from tests.operators.test_dicom_slides import found_on

from samples.biopsy_sm import SIZE, TILE
from wetread.core.dicom.results import build_results
from wetread.core.pixels.reading import read_instance


def annotated_slide(run: SampleRun) -> tuple[FileDataset, ...]:
    """Return what is written when something was seen on the finest level of a sample's slide."""
    (finest,) = (one for one in run.sources if one.TotalPixelMatrixRows == SIZE)
    tile = np.full((TILE, TILE, 3), 200, np.uint8)
    objects = build_results(found_on(finest), {finest.SOPInstanceUID: finest}, tile)
    return tuple(read_instance(one.blob) for one in objects)
