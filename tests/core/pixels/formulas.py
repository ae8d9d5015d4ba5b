"""Pictures by the formulas of the standard, one pixel after the other in plain floating point.

A second opinion on the product: it shares no code with it, knows no tables and no shortcuts, and
takes nothing from pydicom but the stored values and the values of attributes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from pydicom import Dataset
from pydicom.pixels import pixel_array
from pydicom.uid import UID

Array = np.ndarray[Any, Any]

PERCENTILES = (0.5, 99.5)
"""What an image without a window is stretched between."""


def expected_picture(dataset: Dataset, frame_number: int, plugin: str = "") -> Array:
    """Return shades 0..255, not rounded, of shape (rows, columns) or (rows, columns, 3)."""
    stored = pixel_array(
        dataset,
        index=frame_number - 1,
        raw=True,
        decoding_plugin=plugin,
        correct_unused_bits=False,
    )
    photometric = dataset.PhotometricInterpretation
    if stored.ndim == 3:
        return _colour(dataset, stored.astype(float), photometric, str(syntax_of(dataset)))
    stored = _justified(dataset, stored)
    if photometric == "PALETTE COLOR":
        tables = [_palette(dataset, name) for name in ("Red", "Green", "Blue")]
        return np.stack([_looked_up(stored, *table) for table in tables], axis=-1)
    return _grey(dataset, frame_number, stored)


def syntax_of(dataset: Dataset) -> str:
    return str(dataset.file_meta.TransferSyntaxUID)


def attribute(dataset: Dataset, frame_number: int, keyword: str) -> Any:
    """Return a value from the frame's group, the shared group or the top level, in this order."""
    per_frame = dataset.get("PerFrameFunctionalGroupsSequence") or []
    shared = dataset.get("SharedFunctionalGroupsSequence") or []
    for group in [*per_frame[frame_number - 1 : frame_number], *shared]:
        for name in ("PixelValueTransformationSequence", "FrameVOILUTSequence"):
            for macro in group.get(name) or []:
                if macro.get(keyword) not in (None, ""):
                    return macro[keyword].value
    value = dataset.get(keyword)
    return None if value == "" else value


def padding_of(dataset: Dataset, stored: Array) -> Array:
    """Return where a frame is padding (PS3.3 C.7.5.1.1.2)."""
    for prefix in ("Float", "DoubleFloat"):
        if f"{prefix}PixelPaddingValue" in dataset:
            value = dataset[f"{prefix}PixelPaddingValue"].value
            limit = dataset.get(f"{prefix}PixelPaddingRangeLimit", value)
            return (stored >= min(value, limit)) & (stored <= max(value, limit))
    value = dataset.get("PixelPaddingValue")
    if value in (None, ""):
        return np.zeros(stored.shape, bool)
    limit = dataset.get("PixelPaddingRangeLimit", value)
    # Its Value Representation follows Pixel Representation; writers forget it.
    ends = [int(end) & (2**dataset.BitsAllocated - 1) for end in (value, limit)]
    if dataset.PixelRepresentation:
        half = 2 ** (dataset.BitsAllocated - 1)
        ends = [end - 2 * half if end >= half else end for end in ends]
    return (stored >= min(ends)) & (stored <= max(ends))


def _justified(dataset: Dataset, stored: Array) -> Array:
    """Take the bits of the value out of the bits allocated (PS3.5 section 8.1.1)."""
    if stored.dtype.kind == "f" or dataset.BitsAllocated == 1:
        return stored
    values = stored.astype(np.int64)
    bits = int(dataset.BitsStored)
    if not UID(syntax_of(dataset)).is_encapsulated:
        values = values >> max(int(dataset.HighBit) + 1 - bits, 0)
    values = values % 2**bits
    if dataset.PixelRepresentation:
        values = np.where(values >= 2 ** (bits - 1), values - 2**bits, values)
    return values


def _grey(dataset: Dataset, frame_number: int, stored: Array) -> Array:
    values = _modality(dataset, frame_number, stored)
    is_padding = padding_of(dataset, stored)
    brightness = _voi(dataset, frame_number, values, is_padding)
    shape = str(dataset.get("PresentationLUTShape") or "")
    inverse = shape == "INVERSE" or (not shape and "1" in dataset.PhotometricInterpretation)
    shades = 255 * (1 - brightness if inverse else brightness)
    return np.where(is_padding | np.isnan(shades), 0.0, shades)


def _modality(dataset: Dataset, frame_number: int, stored: Array) -> Array:
    """PS3.3 C.11.1: the table, else the line."""
    if dataset.get("ModalityLUTSequence"):
        is_signed = dataset.PixelRepresentation == 1
        return _looked_up(stored, *_table(dataset, dataset.ModalityLUTSequence[0], is_signed)[:2])
    slope = attribute(dataset, frame_number, "RescaleSlope")
    intercept = attribute(dataset, frame_number, "RescaleIntercept")
    return stored.astype(float) * float(1 if slope is None else slope) + float(intercept or 0)


def _voi(dataset: Dataset, frame_number: int, values: Array, is_padding: Array) -> Array:
    """PS3.3 C.11.2: the table, else the first window, else the range without outliers."""
    if dataset.get("VOILUTSequence"):
        table = _table(dataset, dataset.VOILUTSequence[0], _can_be_negative(dataset, frame_number))
        return _looked_up(values, *table[:2]) / table[2]
    center, width = (
        attribute(dataset, frame_number, keyword) for keyword in ("WindowCenter", "WindowWidth")
    )
    if center is None or width is None:
        shown = values[np.isfinite(values) & ~is_padding]
        shown = shown if shown.size else values[np.isfinite(values)]
        low, high = np.percentile(shown, PERCENTILES)
        return np.clip((values - (low + high) / 2) / ((high - low) or 1) + 0.5, 0, 1)
    c, w = (float(np.atleast_1d(value)[0]) for value in (center, width))
    function = attribute(dataset, frame_number, "VOILUTFunction") or "LINEAR"
    if function == "SIGMOID":  # C.11.2.1.3.1, by the identity of logistic and tangent
        return 0.5 + 0.5 * np.tanh(2 * (values - c) / w)
    if function == "LINEAR_EXACT":  # C.11.2.1.3.2
        shades = (values - c) / w + 0.5
        return np.select([values <= c - w / 2, values > c + w / 2], [0.0, 1.0], shades)
    shades = (values - (c - 0.5)) / max(w - 1, 1e-12) + 0.5  # C.11.2.1.2.1
    low, high = c - 0.5 - (w - 1) / 2, c - 0.5 + (w - 1) / 2
    return np.select([values <= low, values > high], [0.0, 1.0], shades)


def _can_be_negative(dataset: Dataset, frame_number: int) -> bool:
    sign = 2 ** (dataset.BitsStored - 1) if dataset.PixelRepresentation else 0
    every = np.arange(2**dataset.BitsStored) - sign
    return bool(_modality(dataset, frame_number, every).min() < 0)


def _table(dataset: Dataset, item: Dataset, is_signed: bool) -> tuple[int, Array, int]:
    """Return the first input, the entries and the largest output of a LUT."""
    count, first, bits = (int(number) for number in item.LUTDescriptor)
    if is_signed and first > 0x7FFF:
        first -= 0x10000
    data = item.LUTData
    if isinstance(data, bytes):
        order = "<" if dataset.original_encoding[1] else ">"
        is_wide = len(data) >= 2 * (count or 0x10000)
        data = np.frombuffer(data, f"{order}u2" if is_wide else "u1")
    entries = np.array(data, float)[: count or 0x10000]
    return first, entries, max(2**bits, 2 ** int(entries.max()).bit_length()) - 1


def _looked_up(inputs: Array, first: int, entries: Array) -> Array:
    positions = np.floor(np.asarray(inputs, float) + 0.5) - first
    return entries[np.minimum(np.maximum(positions, 0), len(entries) - 1).astype(int)]


def _palette(dataset: Dataset, colour: str) -> tuple[int, Array]:
    """Return the first input and the shades of one colour of a palette (PS3.3 C.7.6.3.1.5)."""
    prefix = f"{colour}PaletteColorLookupTable"
    count, first, bits = (int(number) for number in dataset[f"{prefix}Descriptor"].value)
    count = count or 0x10000
    segmented = dataset.get(f"Segmented{prefix}Data")
    order = "<" if dataset.original_encoding[1] else ">"
    if segmented is not None:
        words = np.frombuffer(segmented, f"{order}u2" if bits == 16 else "u1")
        entries = np.array(_unrolled([int(word) for word in words]), float)[:count]
    else:
        data = dataset[f"{prefix}Data"].value
        is_wide = len(data) >= 2 * count
        entries = np.frombuffer(data, f"{order}u2" if is_wide else "u1")[:count].astype(float)
    return first, entries / 257 if entries.max() > 255 else entries


def _unrolled(words: list[int]) -> list[float]:
    """Write out segments (PS3.3 C.7.9.2)."""
    entries: list[float] = []
    position = 0
    while position + 2 < len(words):
        opcode, length = words[position : position + 2]
        if opcode == 0:
            entries += words[position + 2 : position + 2 + length]
            position += 2 + length
        elif opcode == 1:
            start, end = entries[-1], words[position + 2]
            entries += [start + (end - start) * step / length for step in range(1, length + 1)]
            position += 3
        else:
            raise NotImplementedError("indirect segments")
    return entries


def _colour(dataset: Dataset, samples: Array, photometric: str, syntax: str) -> Array:
    """PS3.3 C.7.6.3.1.2, the other way round."""
    is_jpeg_2000 = photometric in ("YBR_RCT", "YBR_ICT")
    if photometric.startswith("YBR") and not is_jpeg_2000:
        y, blue, red = samples[..., 0], samples[..., 1] - 128, samples[..., 2] - 128
        matrix = np.linalg.inv(
            [[0.2990, 0.5870, 0.1140], [-0.1687, -0.3313, 0.5], [0.5, -0.4187, -0.0813]]
        )
        samples = np.clip(np.stack([y, blue, red], axis=-1) @ matrix.T, 0, 255)
    return samples / (2.0 ** int(dataset.BitsStored) - 1) * 255
