"""Pictures to put text on, or not: real ones from PyPI wheels, and drawn ones.

The wheels are scikit-image's (photographs, micrographs, a retina), pydicom's and pydicom-data's
(MR, CT, a micrograph). What the evaluation uses is not among them.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from pydicom import dcmread
from pydicom.data import get_testdata_file
from scipy import ndimage

Picture = NDArray[np.float32]

PHOTOGRAPHS = (
    "astronaut.png", "brick.png", "camera.png", "cell.png", "chelsea.png", "coffee.png",
    "coins.png", "grass.png", "gravel.png", "hubble_deep_field.jpg", "ihc.png", "moon.png",
    "retina.jpg", "rocket.jpg",
)  # fmt: skip
IMAGES = ("CT_small.dcm", "MR_small.dcm", "MR2_UNCR.dcm", "JPEG2000_UNC.dcm")
_SIZE = 320
_WITHOUT_NOISE = 0.4
"""Share of drawn pictures that are as clean as a mask or a screen."""


def real() -> Iterator[Picture]:
    """Yield the real pictures, the larger ones also reduced."""
    spec = importlib.util.find_spec("skimage")
    folder = Path(spec.submodule_search_locations[0]) / "data"
    for name in PHOTOGRAPHS:
        yield from _sizes(np.asarray(Image.open(folder / name).convert("L"), np.float32))
    for name in IMAGES:
        yield from _sizes(dcmread(get_testdata_file(name)).pixel_array.astype(np.float32))


def _sizes(pixels: Picture) -> Iterator[Picture]:
    low, high = np.quantile(pixels, [0.005, 0.995])
    picture = np.clip((pixels - low) / max(float(high - low), 1), 0, 1).astype(np.float32)
    yield picture
    if min(picture.shape) >= 400:
        yield ndimage.zoom(ndimage.gaussian_filter(picture, 0.8), 0.5, order=1)


def drawn(rng: np.random.Generator) -> Picture:
    """Return a picture without text: what scanners' screens and phantoms have instead."""
    kind: Callable[[np.random.Generator], Picture] = rng.choice(
        [_clouds, _islands, _islands, _shapes, _graph_paper, _sector, _plain]
    )
    picture = kind(rng)
    if rng.random() < _WITHOUT_NOISE:
        return np.clip(picture, 0, 1).astype(np.float32)
    noise = rng.normal(0, rng.uniform(0, 0.06), picture.shape)
    return np.clip(picture + noise, 0, 1).astype(np.float32)


def _plain(rng: np.random.Generator) -> Picture:
    ramp = np.linspace(0, rng.uniform(0, 0.5), _SIZE, dtype=np.float32)
    return np.full((_SIZE, _SIZE), rng.uniform(0, 0.6), np.float32) + ramp[None, :]


def _clouds(rng: np.random.Generator) -> Picture:
    total = np.zeros((_SIZE, _SIZE), np.float32)
    for sigma in (1, 2, 4, 10, 30):
        layer = ndimage.gaussian_filter(rng.standard_normal(total.shape, np.float32), sigma)
        total += rng.uniform(0, 1) * layer / layer.std()
    total -= total.min()
    return total / total.max() * rng.uniform(0.3, 1)


def _islands(rng: np.random.Generator) -> Picture:
    """Return patches with sharp and ragged edges, as masks, bone and thresholds leave them."""
    layer = ndimage.gaussian_filter(rng.standard_normal((_SIZE, _SIZE)), rng.uniform(2, 14))
    inside = layer > rng.uniform(-1, 1.5) * layer.std()
    coarse = int(rng.integers(1, 4))
    inside = np.repeat(np.repeat(inside[::coarse, ::coarse], coarse, 0), coarse, 1)
    tones = rng.uniform(0, 1, 2)
    soft = ndimage.gaussian_filter(inside[:_SIZE, :_SIZE] * 1.0, rng.choice([0, 0.5, 1.0]))
    return (tones[0] + (tones[1] - tones[0]) * soft).astype(np.float32)


def _shapes(rng: np.random.Generator) -> Picture:
    """Return ellipses, rings, lines and crosses, as phantoms, calipers and wires draw them."""
    canvas = Image.new("L", (_SIZE, _SIZE), int(rng.uniform(0, 120)))
    pen = ImageDraw.Draw(canvas)
    for _ in range(rng.integers(3, 25)):
        x, y, w, h = rng.uniform(0, _SIZE, 4) * (1, 1, 0.3, 0.3)
        tone, width = int(rng.uniform(0, 255)), int(rng.integers(1, 6))
        shape = rng.integers(5)
        if shape == 0:
            pen.ellipse([x, y, x + w, y + h], fill=tone)
        elif shape == 1:
            pen.ellipse([x, y, x + w, y + h], outline=tone, width=width)
        elif shape == 2:
            pen.rectangle([x, y, x + w, y + h], outline=tone, width=width)
        elif shape == 3:
            pen.line([x, y, *rng.uniform(0, _SIZE, 2)], fill=tone, width=width)
        else:
            r = rng.uniform(3, 9)
            pen.line([x - r, y, x + r, y], fill=tone, width=1)
            pen.line([x, y - r, x, y + r], fill=tone, width=1)
    soft = ndimage.gaussian_filter(np.asarray(canvas, np.float32), rng.uniform(0, 1.5))
    return soft / 255


def _graph_paper(rng: np.random.Generator) -> Picture:
    """Return rulers, grids and curves: the scales beside pictures, and electrocardiograms."""
    canvas = Image.new("L", (_SIZE, _SIZE), int(rng.uniform(0, 60)))
    pen = ImageDraw.Draw(canvas)
    step, tone = int(rng.integers(5, 30)), int(rng.uniform(60, 255))
    reach = _SIZE if rng.random() < 0.4 else int(rng.integers(3, 14))
    for at in range(0, _SIZE, step):
        length = reach * (2 if at % (5 * step) == 0 else 1)
        pen.line([at, _SIZE // 3, at, _SIZE // 3 + length], fill=tone)
        pen.line([_SIZE // 2, at, _SIZE // 2 + length, at], fill=tone)
    x = np.arange(_SIZE)
    beat = np.exp(-(((x + rng.uniform(0, 60)) % 70 - 30) ** 2) / rng.uniform(3, 40))
    y = 260 - 60 * beat + 4 * np.sin(x / 7)
    pen.line([(float(a), float(b)) for a, b in zip(x, y, strict=True)], fill=255, width=2)
    return np.asarray(canvas, np.float32) / 255


def _sector(rng: np.random.Generator) -> Picture:
    """Return an ultrasound sector with speckle."""
    y, x = np.mgrid[0:_SIZE, 0:_SIZE].astype(np.float32)
    angle, radius = np.arctan2(x - _SIZE / 2, y + 20), np.hypot(x - _SIZE / 2, y + 20)
    inside = (np.abs(angle) < rng.uniform(0.4, 0.9)) & (radius < 320) & (radius > 40)
    grain = ndimage.gaussian_filter(rng.standard_normal((_SIZE, _SIZE)), (0.8, 1.8))
    speckle = np.abs(grain) / np.abs(grain).max()
    return (inside * speckle * rng.uniform(0.6, 1.6)).astype(np.float32)
