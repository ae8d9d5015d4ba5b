"""The scanner of the evaluation: gantry tilt, slices, reconstruction kernel and its noise.

World coordinates are (z, y, x) in mm, z along the table. With a tilted gantry the rows of an image
climb along the table, while the table still moves by the same step from slice to slice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Protocol:
    """How a phantom is scanned.

    Parameters
    ----------
    spacing_mm : distance of the slices' planes
    pixel_mm : (row, column) spacing
    thickness_mm : width of the slice, at least the spacing
    sharp : edge-enhancing kernel, else a soft one
    noise_hu : standard deviation in soft tissue
    """

    spacing_mm: float
    pixel_mm: tuple[float, float]
    thickness_mm: float
    tilt_degrees: float
    sharp: bool
    noise_hu: float


@dataclass(frozen=True)
class Lattice:
    """The points of the image grid in the world; ``parts`` sub-slices make one slice's step."""

    shape: tuple[int, int, int]
    step_mm: float
    pixel_mm: tuple[float, float]
    tilt: float
    origin_mm: np.ndarray

    def world(self, index: np.ndarray) -> np.ndarray:
        """Return the world position of fractional indices (…, 3)."""
        k, j, i = np.moveaxis(np.asarray(index, float), -1, 0)
        down = j * self.pixel_mm[0]
        z = k * self.step_mm / np.cos(self.tilt) + down * np.sin(self.tilt)
        return np.stack([z, down * np.cos(self.tilt), i * self.pixel_mm[1]], -1) + self.origin_mm

    def index(self, world: np.ndarray) -> np.ndarray:
        """Return the fractional indices of world positions (…, 3)."""
        z, y, x = np.moveaxis(np.asarray(world, float) - self.origin_mm, -1, 0)
        down = y / np.cos(self.tilt)
        k = (z - down * np.sin(self.tilt)) * np.cos(self.tilt) / self.step_mm
        return np.stack([k, down / self.pixel_mm[0], x / self.pixel_mm[1]], -1)

    def box(
        self, centre_mm: np.ndarray, reach_mm: float
    ) -> tuple[tuple[slice, ...], np.ndarray] | None:
        """Return the part of the grid around a point and where its voxels are from that point."""
        middle = self.index(centre_mm)
        slope = reach_mm * (1 + abs(np.tan(self.tilt)))
        reach = np.array([slope / self.step_mm, *(slope / step for step in self.pixel_mm)]) + 1
        low = np.maximum(np.floor(middle - reach).astype(int), 0)
        high = np.minimum(np.ceil(middle + reach).astype(int) + 1, self.shape)
        if (low >= high).any():
            return None
        k, j, i = np.ogrid[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
        away = np.empty((*(high - low), 3), np.float32)
        down = j * self.pixel_mm[0]
        away[..., 0] = k * (self.step_mm / np.cos(self.tilt)) + down * np.sin(self.tilt)
        away[..., 1] = down * np.cos(self.tilt)
        away[..., 2] = i * self.pixel_mm[1]
        away += (self.origin_mm - centre_mm).astype(np.float32)
        return tuple(slice(a, b) for a, b in zip(low, high, strict=True)), away


def draw(rng: np.random.Generator) -> Protocol:
    """Return a protocol of a chest CT: 0.6 to 2.5 mm, soft or sharp, one in three tilted."""
    spacing = float(rng.uniform(0.6, 2.5))
    sharp = bool(rng.random() < 0.5)
    row = float(rng.uniform(0.6, 0.9))
    return Protocol(
        spacing,
        (row, row if rng.random() < 0.8 else row * float(rng.uniform(0.85, 1.15))),
        spacing * float(rng.uniform(1.0, 1.4)),
        float(rng.uniform(-15, 15)) if rng.random() < 1 / 3 else 0.0,
        sharp,
        float(rng.uniform(20, 60) if sharp else rng.uniform(8, 25)),
    )


def acquire(
    fine_hu: np.ndarray, parts: int, slices: int, protocol: Protocol, rng: np.random.Generator
) -> np.ndarray:
    """Return the slices (float32 HU) that the protocol makes of sub-slices of the world."""
    width = protocol.thickness_mm / (protocol.spacing_mm / parts)
    half = (len(fine_hu) - (slices - 1) * parts - 1) // 2
    offsets = np.arange(-half, half + 1)
    weights = np.clip(width / 2 + 0.5 - np.abs(offsets), 0, 1)
    weights = (weights / weights.sum()).astype(np.float32)
    frequency = np.hypot(
        np.fft.fftfreq(fine_hu.shape[1], protocol.pixel_mm[0])[:, None],
        np.fft.rfftfreq(fine_hu.shape[2], protocol.pixel_mm[1])[None, :],
    )
    transfer = _transfer(frequency, protocol.sharp).astype(np.float32)
    texture = frequency * transfer
    gain = protocol.noise_hu / np.sqrt((np.abs(texture) ** 2).mean())
    uneven = _unevenness(fine_hu.shape[1:])
    result = np.empty((slices, *fine_hu.shape[1:]), np.float32)
    for index in range(slices):
        middle = half + index * parts
        plane = np.tensordot(weights, fine_hu[middle + offsets[0] : middle + half + 1], axes=1)
        white = np.fft.rfft2(rng.standard_normal(plane.shape, np.float32))
        noise = np.fft.irfft2(white * texture * gain, plane.shape)
        result[index] = np.fft.irfft2(np.fft.rfft2(plane) * transfer, plane.shape) + noise * uneven
    return np.clip(result, -1024, 3071)


def _transfer(frequency: np.ndarray, sharp: bool) -> np.ndarray:
    """Return the kernel's modulation transfer by cycles/mm: a sharp one lifts the middle."""
    if sharp:
        return (1 + 1.1 * (frequency / 0.45) ** 2 * np.exp(-((frequency / 0.5) ** 2))) * np.exp(
            -((frequency / 0.85) ** 4)
        )
    return np.exp(-((frequency / 0.52) ** 2))


def _unevenness(shape: tuple[int, ...]) -> np.ndarray:
    """Return the noise's relative deviation over the image: most in the middle of the body."""
    y, x = (np.linspace(-1, 1, n) for n in shape)
    return (0.75 + 0.5 * np.exp(-2 * (y[:, None] ** 2 + x[None, :] ** 2))).astype(np.float32)
