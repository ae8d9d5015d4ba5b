"""A series as one volume: slices in the order of their places, and back from voxel to patient."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from modelserver.errors import InstanceError
from modelserver.imaging.slices import Plane, Slice, unsupported

MIN_SLICES = 3
SPACING_TOLERANCE = 0.1
"""Share of the spacing by which distances may differ: scanners round positions."""

SPACING_TOLERANCE_MM = 0.05
SAME_PLACE_MM = 0.01
SAME_DIRECTION = 1e-3


@dataclass(frozen=True)
class SliceName:
    """Which frame of which object a slice is."""

    sop_instance_uid: str
    frame_number: int


@dataclass(frozen=True)
class Volume:
    """A regular stack of slices, sorted along its normal."""

    hounsfield: np.ndarray
    """float32 (slices, rows, columns)."""
    spacing_mm: tuple[float, float, float]
    """Between slices (along the normal), rows and columns."""
    names: tuple[SliceName, ...]
    positions_mm: np.ndarray
    """(slices, 3): the centre of each slice's first voxel in the patient (LPS)."""
    plane: Plane

    def patient_point_mm(self, voxel: tuple[float, float, float]) -> tuple[float, float, float]:
        """Return where a voxel (slice, row, column; fractions allowed) lies in the patient.

        Between slices the way from one position to the next is taken, which holds for a tilted
        gantry, too, where slices are shifted against each other.
        Source: DICOM PS3.3 equation C.7.6.2.1-1
        """
        index, row, column = voxel
        slices = np.arange(len(self.names))
        origin = np.array([np.interp(index, slices, axis) for axis in self.positions_mm.T])
        down, right = self.plane.pixel_spacing_mm
        point = origin + column * right * np.array(self.plane.row_direction)
        point = point + row * down * np.array(self.plane.column_direction)
        return float(point[0]), float(point[1]), float(point[2])


def assemble(slices: Iterable[Slice], limit_voxels: int) -> Volume:
    """Sort slices into a volume; the iterable is consumed one slice at a time.

    Raises
    ------
    InstanceError
        ``UNSUPPORTED_SERIES``: several orientations, spacings, sizes or volumes, a slice missing,
        or too few; ``REFERENCE_TOO_LARGE``: more voxels than the limit.
    """
    stack = _collect(slices, limit_voxels)
    if len(stack) < MIN_SLICES:
        raise unsupported(f"it has {len(stack)} slices, and a volume needs {MIN_SLICES}.")
    plane = stack[0].plane
    normal = np.cross(plane.row_direction, plane.column_direction)
    stack.sort(key=lambda item: (float(normal @ item.position_mm), item.sop_instance_uid))
    stack = _without_copies(stack, normal)
    spacing = _slice_spacing_mm(np.array([normal @ item.position_mm for item in stack]))
    names = tuple(SliceName(item.sop_instance_uid, item.frame_number) for item in stack)
    positions = np.array([item.position_mm for item in stack])
    hounsfield = np.empty((len(stack), *plane.shape), np.float32)
    # From the end, and each slice let go at once: two copies of a volume never exist in full.
    for index in reversed(range(len(stack))):
        hounsfield[index] = stack.pop().voxels
    return Volume(hounsfield, (spacing, *plane.pixel_spacing_mm), names, positions, plane)


def _collect(slices: Iterable[Slice], limit_voxels: int) -> list[Slice]:
    stack: list[Slice] = []
    for item in slices:
        if stack:
            _require_same(stack[0].plane, item.plane)
        stack.append(item)
        if len(stack) * item.voxels.size > limit_voxels:
            raise InstanceError(
                "REFERENCE_TOO_LARGE", f"the series has more than {limit_voxels} voxels."
            )
    return stack


def _require_same(first: Plane, other: Plane) -> None:
    if first.shape != other.shape:
        raise unsupported("its slices differ in rows or columns.")
    if not np.allclose(first.pixel_spacing_mm, other.pixel_spacing_mm, rtol=SAME_DIRECTION):
        raise unsupported("its slices differ in PixelSpacing.")
    directions = (*first.row_direction, *first.column_direction)
    others = (*other.row_direction, *other.column_direction)
    if not np.allclose(directions, others, atol=SAME_DIRECTION):
        raise unsupported("its slices have more than one orientation.")


def _without_copies(stack: list[Slice], normal: np.ndarray) -> list[Slice]:
    """Drop slices that repeat the one at their place; two different ones mean two volumes."""
    kept = stack[:1]
    for item in stack[1:]:
        step = float(normal @ np.subtract(item.position_mm, kept[-1].position_mm))
        if step > SAME_PLACE_MM:
            kept.append(item)
        elif not np.array_equal(item.voxels, kept[-1].voxels):
            raise unsupported("different slices lie at one place, as in several phases.")
    return kept


def _slice_spacing_mm(places_mm: np.ndarray) -> float:
    steps = np.diff(places_mm)
    if steps.size < MIN_SLICES - 1:
        raise unsupported(f"it has fewer than {MIN_SLICES} different slices.")
    spacing = float(np.median(steps))
    tolerance = max(SPACING_TOLERANCE_MM, SPACING_TOLERANCE * spacing)
    worst = int(np.argmax(np.abs(steps - spacing)))
    if abs(steps[worst] - spacing) > tolerance:
        raise unsupported(
            f"slices {worst + 1} and {worst + 2} of {steps.size + 1} are {steps[worst]:.2f} mm "
            f"apart, the others {spacing:.2f} mm; slices are missing or spaced unequally."
        )
    return spacing
