"""Random fields with the statistics of tissue, the same ones each time."""

from __future__ import annotations

import numpy as np

from samples.shapes import Image


def _frequencies(shape: tuple[int, int]) -> Image:
    """Return the spatial frequency of each coefficient of a real transform, in cycles a pixel."""
    return np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])[None, :])


def power_law(shape: tuple[int, int], exponent: float, seed: int) -> Image:
    """Return a field of mean 0 and deviation 1 whose amplitude falls with frequency.

    Glandular tissue and stroma look alike at every scale; an exponent of 1.5 is that of breasts
    (Burgess et al., Medical Physics 28(4), 2001).
    """
    noise = np.random.default_rng(seed).standard_normal(shape, np.float32)
    spectrum = np.fft.rfft2(noise)
    spectrum /= np.maximum(_frequencies(shape), 1 / max(shape)) ** exponent
    spectrum[0, 0] = 0
    field = np.fft.irfft2(spectrum, shape)
    return (field / field.std()).astype(np.float32)


def blurred(image: Image, sigma_pixels: tuple[float, float]) -> Image:
    """Return the image as a detector with a Gaussian point spread sees it; borders wrap.

    Parameters
    ----------
    sigma_pixels : along rows' direction (down) and columns' (across)
    """
    down = np.fft.fftfreq(image.shape[0])[:, None] * sigma_pixels[0]
    across = np.fft.rfftfreq(image.shape[1])[None, :] * sigma_pixels[1]
    transfer = np.exp(-2 * np.pi**2 * (down**2 + across**2))
    return np.fft.irfft2(np.fft.rfft2(image) * transfer, image.shape).astype(np.float32)
