"""Lookup tables of the Modality and VOI LUT modules (PS3.3 C.11.1 and C.11.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom import Dataset

_ENTRIES_FOR_ZERO = 2**16
"""The descriptor has 16 bits, so the standard writes 65,536 entries as 0."""
_SIGN_BIT = 2**15


@dataclass(frozen=True)
class LookupTable:
    """The i-th entry stands for the input ``first + i``; inputs outside take the nearest end.

    ``entries`` holds unsigned 16-bit numbers in this machine's byte order, as bytes, so that equal
    tables are equal and can be looked up.
    """

    first: int
    entries: bytes
    maximum: int

    @property
    def values(self) -> npt.NDArray[np.float64]:
        return np.frombuffer(self.entries, np.uint16).astype(np.float64)

    def apply(self, inputs: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        values = self.values
        index = np.clip(np.rint(inputs) - self.first, 0, len(values) - 1)
        outputs: npt.NDArray[np.float64] = values[index.astype(np.intp)]
        return outputs


def lookup_table(item: Dataset, *, is_little_endian: bool, is_signed: bool) -> LookupTable:
    """Read a table from an item of a LUT sequence.

    Parameters
    ----------
    is_signed : whether its inputs may be negative, which decides the sign of the first one

    Raises
    ------
    ValueError
        The item holds fewer entries than its descriptor says.
    """
    entries, first, bits = (int(value) for value in item.LUTDescriptor)
    entries = entries or _ENTRIES_FOR_ZERO
    if is_signed and first >= _SIGN_BIT:
        first -= 2 * _SIGN_BIT
    values = _entries(item, entries, is_little_endian)[:entries].astype(np.uint16)
    if len(values) < entries:
        raise ValueError(f"the table holds {len(values)} of {entries} entries")
    # Descriptors that promise fewer bits than the data uses occur; the data is right.
    needed_bits = max(int(values.max()).bit_length(), 1)
    return LookupTable(first, values.tobytes(), 2 ** max(bits, needed_bits) - 1)


def _entries(item: Dataset, count: int, is_little_endian: bool) -> npt.NDArray[Any]:
    data = item.LUTData
    if not isinstance(data, bytes):
        return np.atleast_1d(np.asarray(data, dtype=np.uint16))
    if len(data) < 2 * count:
        return np.frombuffer(data, dtype=np.uint8)
    return np.frombuffer(data[: 2 * count], dtype="<u2" if is_little_endian else ">u2")
