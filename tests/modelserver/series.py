"""Small CT series with one bright box, whose place in the patient is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from pydicom import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import CTImageStorage, EnhancedCTImageStorage, generate_uid

from samples import part10
from samples.identity import IDENTITIES

SIZE = 32
BONE_HU = 900
BOX = (slice(4, 7), slice(10, 14), slice(20, 22))
"""Slices, rows and columns of the bright box."""
CENTRE = (5.0, 11.5, 20.5)

Change = Callable[[Dataset, int], None]


@dataclass(frozen=True)
class Series:
    """A stack of ``count`` slices: where each lies, and UIDs of its own."""

    count: int = 12
    spacing_mm: float = 2.5
    pixel_mm: tuple[float, float] = (0.8, 0.7)
    origin_mm: tuple[float, float, float] = (-100.0, -50.0, 30.0)
    row_direction: tuple[float, float, float] = (1.0, 0.0, 0.0)
    column_direction: tuple[float, float, float] = (0.0, 1.0, 0.0)
    shift_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Of each slice against the one before, besides the spacing: a tilted gantry."""
    study_uid: str = field(default_factory=generate_uid)
    series_uid: str = field(default_factory=generate_uid)

    @property
    def path(self) -> str:
        return f"studies/{self.study_uid}/series/{self.series_uid}"

    def uid(self, index: int) -> str:
        return f"{self.series_uid[:50]}.{index + 1}"

    def position(self, index: int) -> np.ndarray:
        normal = np.cross(self.row_direction, self.column_direction)
        step = normal * self.spacing_mm + np.array(self.shift_mm)
        return np.array(self.origin_mm) + index * step

    def point(self, voxel: Sequence[float]) -> np.ndarray:
        """Return where a voxel lies, by the equation of PS3.3 C.7.6.2.1.1."""
        index, row, column = voxel
        along_row = column * self.pixel_mm[1] * np.array(self.row_direction)
        along_column = row * self.pixel_mm[0] * np.array(self.column_direction)
        return (
            self.position(0)
            + index * (self.position(1) - self.position(0))
            + (along_row + along_column)
        )

    def voxels(self) -> np.ndarray:
        volume = np.full((self.count, SIZE, SIZE), -1000, np.int16)
        volume[BOX] = BONE_HU
        return volume

    def slices(self, change: Change | None = None) -> list[bytes]:
        """Return the files, in the order of their places."""
        return [self.slice(index, change) for index in range(self.count)]

    def slice(self, index: int, change: Change | None = None) -> bytes:
        """Return one file."""
        ds = self.image(index, CTImageStorage)
        ds.ImagePositionPatient = [float(number) for number in self.position(index)]
        ds.ImageOrientationPatient = [*self.row_direction, *self.column_direction]
        ds.PixelSpacing = list(self.pixel_mm)
        ds.RescaleSlope, ds.RescaleIntercept = 0.5, -1024
        set_pixels(ds, (self.voxels()[index] + 1024.0) / 0.5)
        if change is not None:
            change(ds, index)
        return part10.encode(ds)

    def image(self, index: int, sop_class: str) -> Dataset:
        ds = part10.image(
            IDENTITIES["ct-chest-nodule"],
            study="ct-chest-nodule",
            series=1,
            instance=self.count - index,
            modality="CT",
            sop_class=sop_class,
            study_description="",
            series_description="",
        )
        ds.StudyInstanceUID, ds.SeriesInstanceUID = self.study_uid, self.series_uid
        ds.SOPInstanceUID = self.uid(index)
        return ds

    def multiframe(self) -> bytes:
        """Return the series as one enhanced object, its frames from the top down."""
        ds = self.image(0, EnhancedCTImageStorage)
        shared, orientation, measures, rescale = (Dataset() for _ in range(4))
        orientation.ImageOrientationPatient = [*self.row_direction, *self.column_direction]
        measures.PixelSpacing = list(self.pixel_mm)
        rescale.RescaleSlope, rescale.RescaleIntercept = 1, -1024
        shared.PlaneOrientationSequence = Items([orientation])
        shared.PixelMeasuresSequence = Items([measures])
        shared.PixelValueTransformationSequence = Items([rescale])
        ds.SharedFunctionalGroupsSequence = Items([shared])
        ds.PerFrameFunctionalGroupsSequence = Items(
            [self._frame(index) for index in reversed(range(self.count))]
        )
        ds.NumberOfFrames = self.count
        set_pixels(ds, self.voxels()[::-1] + 1024.0)
        return part10.encode(ds)

    def _frame(self, index: int) -> Dataset:
        frame, position = Dataset(), Dataset()
        position.ImagePositionPatient = [float(number) for number in self.position(index)]
        frame.PlanePositionSequence = Items([position])
        return frame


def set_pixels(ds: Any, values: np.ndarray, bits: int = 16) -> None:
    """Store grey values, the last two axes being rows and columns."""
    ds.Rows, ds.Columns = values.shape[-2:]
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.BitsAllocated = ds.BitsStored = bits
    ds.HighBit = bits - 1
    ds.PixelRepresentation = 0
    ds.PixelData = np.rint(values).astype(np.uint16 if bits == 16 else np.uint8).tobytes()
