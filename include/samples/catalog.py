"""The catalogue of sample studies, with the state that each must reach.

A CT or MR series longer than 16 images is sampled; the rest of its images count as skipped.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from samples import chest_ct, chest_dx, head_mr, real
from samples.study import ExpectedFinding, ExpectedStudy, SampleFile, SampleStudy, outcomes
from samples.thorax import Nodule

NODULE = Nodule()
CT_SLICES, CT_SPACING_MM = 60, 2.5
_SAMPLED = 16


def _nodule_finding() -> ExpectedFinding:
    """Derive where the nodule must be found from where the phantom has it."""
    x, y, z = NODULE.centre_mm
    half = chest_ct.FIELD_OF_VIEW_MM / 2
    lowest = int((z - NODULE.diameter_mm / 2) // CT_SPACING_MM) + 2
    highest = int((z + NODULE.diameter_mm / 2) // CT_SPACING_MM) + 1
    return ExpectedFinding(
        kind="anomaly",
        centre=((x + half) / (2 * half), (y + half) / (2 * half)),
        tolerance=0.02,
        instance_numbers=range(lowest, highest + 1),
    )


def _with_corrupt_file(study: str) -> Iterator[SampleFile]:
    yield from chest_ct.build(study, size=256, slices=8, spacing_mm=5.0, nodule=None)
    yield SampleFile("IM0009.dcm", b"This was a DICOM file before the disk failed.\n" * 40)


def catalog() -> tuple[SampleStudy, ...]:
    """Return every sample study; nothing is made until its files are asked for."""
    return (
        SampleStudy(
            "ct-chest-nodule",
            f"Chest CT phantom: {CT_SLICES} slices of 512 x 512, {CT_SPACING_MM} mm apart, with a "
            f"solid nodule of {NODULE.diameter_mm:g} mm at {NODULE.centre_mm} mm.",
            ExpectedStudy(
                "CT",
                CT_SLICES,
                outcomes(analysed=_SAMPLED, skipped=CT_SLICES - _SAMPLED),
                findings=(_nodule_finding(),),
                alert=True,
            ),
            partial(
                chest_ct.build,
                "ct-chest-nodule",
                size=512,
                slices=CT_SLICES,
                spacing_mm=CT_SPACING_MM,
                nodule=NODULE,
            ),
        ),
        SampleStudy(
            "dx-chest",
            "Chest radiograph phantom, PA, 2048 x 2048, 12 bit, without a finding.",
            ExpectedStudy("DX", 1, outcomes(analysed=1)),
            partial(chest_dx.build, "dx-chest"),
        ),
        SampleStudy(
            "mr-head-two-series",
            "Head MR phantom of two series (T1, T2) of 12 slices, without a finding.",
            ExpectedStudy("MR", 24, outcomes(analysed=24)),
            partial(head_mr.build, "mr-head-two-series"),
        ),
        SampleStudy(
            "ct-corrupt-file",
            "Chest CT phantom of 8 slices, and a ninth file that is not DICOM.",
            ExpectedStudy("CT", 9, outcomes(analysed=8, quarantined=1)),
            partial(_with_corrupt_file, "ct-corrupt-file"),
        ),
        SampleStudy(
            "real-ct",
            "A real CT image (128 x 128) from the pydicom wheel; identity replaced.",
            ExpectedStudy("CT", 1, outcomes(analysed=1)),
            partial(real.build, "real-ct", "CT_small.dcm"),
        ),
        SampleStudy(
            "real-mr",
            "A real MR image (64 x 64) from the pydicom wheel; identity replaced.",
            ExpectedStudy("MR", 1, outcomes(analysed=1)),
            partial(real.build, "real-mr", "MR_small.dcm"),
        ),
        SampleStudy(
            "real-cr",
            "A real CR study of three views from the pydicom wheel, which holds them reduced to "
            "16 x 16 (MONOCHROME1); identity replaced.",
            ExpectedStudy("CR", 3, outcomes(analysed=3)),
            partial(
                real.build,
                "real-cr",
                *(f"dicomdirtests/77654033/{p}" for p in ("CR1/6154", "CR2/6247", "CR3/6278")),
            ),
        ),
        SampleStudy(
            "real-us",
            "A real ultrasound image (320 x 240, RGB) from the pydicom wheel; identity replaced.",
            ExpectedStudy("US", 1, outcomes(analysed=1)),
            partial(real.build, "real-us", "examples_rgb_color.dcm"),
        ),
    )
