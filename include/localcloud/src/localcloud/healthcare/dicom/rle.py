"""DICOM's run-length encoding.

Source: DICOM PS3.5 annex G
"""

from __future__ import annotations

import struct

import imagecodecs
import numpy as np

_HEADER_BYTES = 64


def encode(frame: np.ndarray) -> bytes:
    """Encode a frame: one segment for each byte of each sample, the highest first."""
    samples = frame[:, :, np.newaxis] if frame.ndim == 2 else frame
    # Big endian puts the highest byte first.
    wide = np.ascontiguousarray(samples.astype(samples.dtype.newbyteorder(">")))
    planes = wide.view(np.uint8).reshape(*samples.shape, samples.dtype.itemsize)
    segments = [
        _segment(np.ascontiguousarray(planes[:, :, sample, byte]))
        for sample in range(planes.shape[2])
        for byte in range(planes.shape[3])
    ]
    offsets = [_HEADER_BYTES]
    for segment in segments[:-1]:
        offsets.append(offsets[-1] + len(segment))
    numbers = [len(segments), *offsets]
    header = struct.pack(f"<{len(numbers)}L", *numbers).ljust(_HEADER_BYTES, b"\0")
    return header + b"".join(segments)


def _segment(plane: np.ndarray) -> bytes:
    # Rows are encoded one by one: no run may cross the end of a row.
    encoded = b"".join(imagecodecs.packbits_encode(row.tobytes()) for row in plane)
    return encoded + b"\0" * (len(encoded) % 2)
