"""Memory that goes back to the system, so that a server's peak is that of one volume."""

from __future__ import annotations

import ctypes

_M_MMAP_THRESHOLD = -3
_THRESHOLD_BYTES = 1 << 18
"""Half a slice of 512 x 512."""


def return_arrays_to_the_system() -> None:
    """Map large arrays, and unmap them when they are freed, for the life of the process.

    By default glibc raises its threshold to the largest array that was freed, and keeps the
    memory of later ones: 200 MB more at the peak of a long series. Other libraries are left alone.
    Source: mallopt(3), M_MMAP_THRESHOLD
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _THRESHOLD_BYTES)
