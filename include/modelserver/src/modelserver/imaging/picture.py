"""One image as brightness from 0 (black) to 1 (white), whatever it was stored as."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image
from pydicom import Dataset
from pydicom.pixels import apply_voi_lut

from modelserver.errors import InstanceError
from modelserver.imaging.frames import numbers, read_frames, read_header

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""Rec. 601, as grey images are made of colour everywhere."""

_PERCENTILES = (1.0, 99.0)
"""Darker and brighter pixels than these are clipped where the object declares no window."""

_PART10 = b"DICM"


@dataclass(frozen=True)
class Picture:
    """An image, and what is known of it."""

    brightness: np.ndarray
    """float32 (rows, columns), 0..1."""
    spacing_mm: tuple[float, float] | None
    """Between rows, then between columns; at the detector, for a projection."""
    sop_instance_uid: str | None
    """None for bytes that are no DICOM object."""
    frame_number: int = 1


def picture_of(blob: bytes, frame_number: int, modalities: tuple[str, ...], limit: int) -> Picture:
    """Read a DICOM object or any picture that Pillow knows.

    Parameters
    ----------
    modalities
        Those of DICOM objects that the model looks at; empty for any.
    limit
        Pixels that an image may have.

    Raises
    ------
    InstanceError
        ``IMAGE_INVALID``, ``UNSUPPORTED_IMAGE``, ``REFERENCE_TOO_LARGE``.
    """
    if blob[128:132] == _PART10:
        return _dicom_picture(blob, frame_number, modalities, limit)
    return Picture(_plain_picture(blob, limit), None, None)


def _plain_picture(blob: bytes, limit: int) -> np.ndarray:
    try:
        with Image.open(io.BytesIO(blob)) as image:
            _require_size(image.width * image.height, limit)
            # Pillow cuts 16 bits off at 255 instead of scaling them.
            if image.mode.startswith("I"):
                return _stretched(np.asarray(image, np.float32))
            return np.asarray(image.convert("L"), np.float32) / 255
    except InstanceError:
        raise
    except Exception:  # a parser meets hostile bytes: whatever it raises, they are no image
        raise InstanceError("IMAGE_INVALID", "the bytes are no image that can be read.") from None


def _dicom_picture(
    blob: bytes, frame_number: int, modalities: tuple[str, ...], limit: int
) -> Picture:
    header = read_header(blob)
    if modalities and str(header.get("Modality", "")) not in modalities:
        raise InstanceError(
            "UNSUPPORTED_IMAGE", f"the model looks at {', '.join(modalities)} only."
        )
    _require_size(int(header.get("Rows") or 0) * int(header.get("Columns") or 0), limit)
    if frame_number > int(header.get("NumberOfFrames") or 1):
        raise InstanceError("REFERENCE_NOT_FOUND", f"the object has no frame {frame_number}.")
    pixels = next(read_frames(blob, [frame_number - 1]))
    colour = pixels.ndim == 3
    brightness = (pixels.astype(np.float32) @ _LUMA) / 255 if colour else _shown(header, pixels)
    spacing = numbers(header, "PixelSpacing", 2) or numbers(header, "ImagerPixelSpacing", 2)
    return Picture(
        np.clip(brightness, 0, 1).astype(np.float32),
        (spacing[0], spacing[1]) if spacing else None,
        str(header.get("SOPInstanceUID", "")),
        frame_number,
    )


def _require_size(pixels: int, limit: int) -> None:
    if pixels > limit:
        raise InstanceError("REFERENCE_TOO_LARGE", f"the image has more than {limit} pixels.")


def _shown(header: Dataset, pixels: np.ndarray) -> np.ndarray:
    """Apply the declared window or VOI LUT, or percentiles, and turn MONOCHROME1 round."""
    slope = numbers(header, "RescaleSlope", 1) or (1.0,)
    intercept = numbers(header, "RescaleIntercept", 1) or (0.0,)
    values = pixels.astype(np.float32) * slope[0] + intercept[0]
    window = _window(header)
    if window is not None:
        low, width = window
        brightness = (values - low) / width
    elif header.get("VOILUTSequence") and slope[0] == 1 and intercept[0] == 0:
        brightness = _stretched(apply_voi_lut(pixels, header).astype(np.float32), (0, 100))
    else:
        brightness = _stretched(values)
    return np.subtract(1, brightness) if _is_inverse(header) else brightness


def _window(header: Dataset) -> tuple[float, float] | None:
    """Return the lower end and the width of the first declared window (PS3.3 C.11.2.1.2)."""
    try:
        centre, width = (
            float(np.atleast_1d(np.asarray(header[name].value, float))[0])
            for name in ("WindowCenter", "WindowWidth")
        )
    except (KeyError, TypeError, ValueError, IndexError):
        return None
    if not np.isfinite([centre, width]).all() or width <= 1:
        return None
    return centre - 0.5 - (width - 1) / 2, width - 1


def _stretched(values: np.ndarray, percentiles: tuple[float, float] = _PERCENTILES) -> np.ndarray:
    low, high = np.percentile(values, percentiles)
    return np.clip((values - low) / max(float(high - low), 1e-6), 0, 1).astype(np.float32)


def _is_inverse(header: Dataset) -> bool:
    """Whether the smallest value is white; the shape is the one statement of DX and its kin."""
    shape = header.get("PresentationLUTShape")
    if shape in ("IDENTITY", "INVERSE"):
        return bool(shape == "INVERSE")
    return bool(header.get("PhotometricInterpretation") == "MONOCHROME1")
