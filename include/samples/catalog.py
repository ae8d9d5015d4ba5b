"""The catalogue of sample studies, with the state that each must reach.

Of a CT or MR series longer than 16 images Vision AI is shown 16; a model that reads volumes looks
at all of them, and where none does the rest count as skipped.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from types import MappingProxyType

from samples import (
    biopsy_sm,
    bone_nm,
    brain_pt,
    breast_mg,
    chest_ct,
    chest_dx,
    head_mr,
    heart_us,
    real,
)
from samples.lungs import LUNGS, Pneumothorax
from samples.study import (
    ExpectedFinding,
    ExpectedModelFinding,
    ExpectedStudy,
    SampleFile,
    SampleStudy,
    outcomes,
)
from samples.thorax import Nodule

NODULE = Nodule()
CT_SLICES, CT_SPACING_MM = 60, 2.5
PNEUMOTHORAX = Pneumothorax(LUNGS[0])
_SAMPLED = 16
_SHADOW = ("burned-in-text",)
_MARKED = MappingProxyType({"SR": 1, "KO": 1, "OT": 1})
"""The objects of one analysis that marked something on an image."""


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


def _nodule_of_the_model() -> ExpectedModelFinding:
    return ExpectedModelFinding(
        "pulmonary-nodule",
        NODULE.centre_mm,
        tolerance=2.0,
        diameter_mm=NODULE.diameter_mm,
        diameter_tolerance_mm=1.0,
    )


def _metastasis_finding() -> ExpectedFinding:
    """Derive where the metastasis must be found from the back, where left is at the left."""
    x, y = bone_nm.LESION_MM
    centre = (
        0.5 - x / bone_nm.SPACING_MM / bone_nm.COLUMNS,
        0.5 + y / bone_nm.SPACING_MM / bone_nm.ROWS,
    )
    return ExpectedFinding("anomaly", centre, tolerance=0.02, instance_numbers=range(1, 2))


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
                outcomes(analysed=CT_SLICES),
                findings=(_nodule_finding(),),
                report_says=(
                    f"Computed Tomography, chest (series 1): {_SAMPLED} images looked at by",
                ),
                alert=True,
                model_findings=(_nodule_of_the_model(),),
                shadow=_SHADOW,
                objects={"SR": 2, "SEG": 1, "KO": 2, "OT": 2},
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
            ExpectedStudy(
                "DX",
                1,
                outcomes(analysed=1),
                report_says=("Digital Radiography, chest (series 1): 1 image looked at by",),
                objects={"SR": 2},
                absent=("Pneumothorax",),
            ),
            partial(chest_dx.build, "dx-chest"),
        ),
        SampleStudy(
            "dx-chest-pneumothorax",
            "The same chest radiograph phantom with a right pneumothorax: the pleural line, and no "
            "vessel beyond it.",
            ExpectedStudy(
                "DX",
                1,
                outcomes(analysed=1),
                report_says=("Digital Radiography, chest (series 1): 1 image looked at by",),
                alert=True,
                model_findings=(
                    ExpectedModelFinding(
                        "pneumothorax", chest_dx.centre_of(PNEUMOTHORAX), tolerance=0.1
                    ),
                ),
                shadow=_SHADOW,
                objects={"SR": 2, "KO": 1, "OT": 1},
            ),
            partial(chest_dx.build, "dx-chest-pneumothorax", PNEUMOTHORAX),
        ),
        SampleStudy(
            "mr-head-two-series",
            "Head MR phantom of two series (T1, T2) of 12 slices, without a finding.",
            ExpectedStudy(
                "MR",
                24,
                outcomes(analysed=24),
                report_says=(
                    "Magnetic Resonance, head (series 1): 12 images looked at by",
                    "Magnetic Resonance, head (series 2): 12 images looked at by",
                ),
                objects={"SR": 2},
            ),
            partial(head_mr.build, "mr-head-two-series"),
        ),
        SampleStudy(
            "mg-screening",
            "Mammography phantom: both sides from above, and one of them for processing, too.",
            ExpectedStudy(
                "MG",
                3,
                outcomes(analysed=2, skipped=1),
                report_says=(
                    "Mammography, breast (series 1): 2 images looked at by",
                    "detector data for processing",
                ),
            ),
            partial(breast_mg.build, "mg-screening"),
        ),
        SampleStudy(
            "us-heart-cine",
            f"Heart ultrasound phantom: a loop of {heart_us.FRAMES} frames (JPEG); its screen "
            "shows the patient's name outside the sector.",
            ExpectedStudy(
                "US",
                1,
                outcomes(analysed=1),
                report_says=(
                    "Ultrasound, heart (series 1): 4 images looked at by",
                    "What lies outside the ultrasound regions is masked.",
                ),
            ),
            partial(heart_us.build, "us-heart-cine"),
        ),
        SampleStudy(
            "nm-bone-scan",
            "Bone scan phantom: the whole body from the front and the back, two frames, with a "
            "metastasis in the left femur, best seen from the back.",
            ExpectedStudy(
                "NM",
                1,
                outcomes(analysed=1),
                findings=(_metastasis_finding(),),
                report_says=("Nuclear Medicine, entire body (series 1): 2 images looked at by",),
                alert=True,
                objects=_MARKED,
            ),
            partial(bone_nm.build, "nm-bone-scan"),
        ),
        SampleStudy(
            "pt-brain",
            f"FDG brain PET phantom: {brain_pt.SLICES} slices, each with its own rescale slope.",
            ExpectedStudy(
                "PT",
                brain_pt.SLICES,
                outcomes(analysed=brain_pt.SLICES),
                report_says=(
                    "Positron emission tomography, brain (series 1): 12 images looked at by",
                    "Images declare no window",
                ),
            ),
            partial(brain_pt.build, "pt-brain"),
        ),
        SampleStudy(
            "sm-biopsy",
            f"Slide phantom: a pyramid of {biopsy_sm.LEVELS} levels of tiles (JPEG) and its label.",
            ExpectedStudy(
                "SM",
                biopsy_sm.LEVELS + 1,
                outcomes(analysed=1, skipped=biopsy_sm.LEVELS),
                report_says=(
                    "Slide Microscopy, breast (series 1): 16 images looked at by",
                    "Another level of the slide's pyramid was analysed",
                    "the label of a slide",
                ),
            ),
            partial(biopsy_sm.build, "sm-biopsy"),
        ),
        SampleStudy(
            "ct-corrupt-file",
            "Chest CT phantom of 8 slices, and a ninth file that is not DICOM.",
            ExpectedStudy("CT", 9, outcomes(analysed=8, quarantined=1)),
            partial(_with_corrupt_file, "ct-corrupt-file"),
        ),
        SampleStudy(
            "real-ct",
            "A real CT image (128 x 128) from the pydicom wheel; identity replaced. It declares no "
            "window; in that of soft tissue the tip of a spinous process stands alone and bright.",
            ExpectedStudy(
                "CT",
                1,
                outcomes(analysed=1),
                findings=(ExpectedFinding("anomaly", (0.465, 0.732), 0.02, range(1, 2)),),
                alert=True,
                objects=_MARKED,
            ),
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
            ExpectedStudy("CR", 3, outcomes(analysed=3), objects={"SR": 3}),
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
