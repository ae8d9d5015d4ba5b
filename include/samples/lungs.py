"""Lungs of the chest radiograph phantom, in the thorax's frame, and one that has collapsed in part.

A lung is a path length through air along the beam for each place on the detector. Coordinates are
mm: x to the patient's left, y downwards.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from samples.shapes import Image

PARENCHYMA = 0.2
"""Share of an inflated lung's depth that is tissue and blood too small to be seen by itself."""
_PLEURAL_LINE_MM = 16.0
"""Path through the visceral pleura where the beam grazes it."""
_PLEURAL_LINE_HALF_WIDTH_MM = 0.75
_DEEPEST_MM = 172.0
_APEX_Y_MM = -132.0


@dataclass(frozen=True)
class Lung:
    """One half of the thorax: round at the apex, cut off by the diaphragm's dome."""

    centre_x_mm: float
    half_width_mm: float
    base_y_mm: float

    @property
    def side(self) -> float:
        """Return -1 for the right lung, 1 for the left."""
        return float(np.sign(self.centre_x_mm))

    @property
    def hilum_mm(self) -> tuple[float, float]:
        return (self.side * 22.0, -8.0)

    def depth_mm(self, x: Image, y: Image) -> Image:
        """Return the path through the lung, inflated."""
        widening = _widening(y)
        u = self._across(x, widening)
        depth = _DEEPEST_MM * np.sqrt(np.clip(1 - u**2.6, 0, 1)) * np.clip(widening * 1.5, 0, 1)
        dome_y = self.base_y_mm + 22 * ((x - self.centre_x_mm * 0.85) / self.half_width_mm) ** 2
        return depth * np.clip((dome_y - y) / 9 + 0.5, 0, 1)

    def outline(self, x: Image, y: Image) -> Image:
        """Return a value below 1 inside the lung's sides and apex, above 1 outside."""
        return self._across(x, _widening(y)) + np.clip((_APEX_Y_MM + 6 - y) / 6, 0, None)

    def _across(self, x: Image, widening: Image) -> Image:
        middle = self.centre_x_mm * (0.55 + 0.45 * widening)
        return np.abs((x - middle) / (self.half_width_mm * np.maximum(widening, 0.05)))


def _widening(y: Image) -> Image:
    """Return a lung's width as a share of that at its base."""
    return np.sin(np.clip((y - _APEX_Y_MM) / 230, 0, 1) * np.pi / 2) ** 0.6


LUNGS = (Lung(-72.0, 66.0, 84.0), Lung(73.0, 62.0, 94.0))


@dataclass(frozen=True)
class Pneumothorax:
    """Air between one lung and the chest wall of a patient who stands.

    The lung hangs from its hilum, and the air is beside and above it. It keeps ``width_kept`` of
    its extent from the hilum to the side, and ``height_kept`` of that to the apex; its base stays
    on the diaphragm.
    """

    lung: Lung
    width_kept: float = 0.7
    height_kept: float = 0.8

    def collapsed_mm(self, points: np.ndarray) -> np.ndarray:
        """Return where points of the inflated lung, (n, 2), have gone."""
        (hx, hy), away = self.lung.hilum_mm, points - self.lung.hilum_mm
        down = np.where(away[:, 1] < 0, self.height_kept, 1.0)
        return np.stack([hx + away[:, 0] * self.width_kept, hy + away[:, 1] * down], axis=1)

    def inflated_mm(self, x: Image, y: Image) -> tuple[Image, Image]:
        """Return where the places on the detector were before the collapse."""
        hx, hy = self.lung.hilum_mm
        return (
            hx + (x - hx) / self.width_kept,
            hy + (y - hy) / np.where(y < hy, self.height_kept, 1.0),
        )

    def space(self, x: Image, y: Image) -> np.ndarray:
        """Return where the beam meets air of the thorax and no lung."""
        in_thorax = (self.lung.depth_mm(x, y) > 0) & (self.lung.side * x > 28)
        return in_thorax & (self.lung.outline(*self.inflated_mm(x, y)) > 1)

    def pleural_line_mm(self, x: Image, y: Image) -> Image:
        """Return the path through the visceral pleura, seen where the beam grazes it."""
        outline = self.lung.outline(*self.inflated_mm(x, y))
        rise_y, rise_x = np.gradient(outline, y.ravel(), x.ravel())
        away_mm = (outline - 1) / np.maximum(np.hypot(rise_x, rise_y), 1e-3)
        line = np.exp(-((away_mm / _PLEURAL_LINE_HALF_WIDTH_MM) ** 2))
        in_thorax = np.clip(self.lung.depth_mm(x, y) / 40, 0, 1)
        return _PLEURAL_LINE_MM * line * in_thorax * (self.lung.side * x > 28)


def tissue_in_lungs_mm(x: Image, y: Image, pneumothorax: Pneumothorax | None) -> Image:
    """Return the path through tissue that fills the lungs evenly, and through a pleural line."""
    tissue = np.zeros(np.broadcast_shapes(x.shape, y.shape))
    for lung in LUNGS:
        depth = lung.depth_mm(x, y)
        if pneumothorax is not None and lung == pneumothorax.lung:
            at_rest = pneumothorax.inflated_mm(x, y)
            tissue += PARENCHYMA * np.minimum(lung.depth_mm(*at_rest), depth)
            tissue += pneumothorax.pleural_line_mm(x, y)
        else:
            tissue += PARENCHYMA * depth
    return tissue
