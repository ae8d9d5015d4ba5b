"""Lookup tables of the Modality and VOI LUT modules (PS3.3 C.11.1 and C.11.2)."""

from __future__ import annotations

from collections.abc import Sequence
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
    first, values = table_entries(
        item.LUTDescriptor, item.LUTData, is_little_endian=is_little_endian, is_signed=is_signed
    )
    # Descriptors that promise fewer bits than the data uses occur; the data is right.
    needed_bits = max(int(values.max()).bit_length(), 1)
    return LookupTable(
        first, values.tobytes(), 2 ** max(int(item.LUTDescriptor[2]), needed_bits) - 1
    )


def table_entries(
    descriptor: Sequence[int],
    data: bytes | Sequence[int] | int,
    *,
    is_little_endian: bool,
    is_signed: bool,
) -> tuple[int, npt.NDArray[np.uint16]]:
    """Return the first input of a table and its entries.

    Raises
    ------
    ValueError
        There are fewer entries than the descriptor says.
    """
    count, first = int(descriptor[0]) or _ENTRIES_FOR_ZERO, int(descriptor[1])
    if is_signed and first >= _SIGN_BIT:
        first -= 2 * _SIGN_BIT
    entries = _numbers(data, count, is_little_endian)[:count].astype(np.uint16)
    if len(entries) < count:
        raise ValueError(f"the table holds {len(entries)} of {count} entries")
    return first, entries


def _numbers(
    data: bytes | Sequence[int] | int, count: int, is_little_endian: bool
) -> npt.NDArray[Any]:
    if not isinstance(data, bytes):
        return np.atleast_1d(np.asarray(data, dtype=np.uint16))
    words = np.frombuffer(data[: len(data) // 2 * 2], dtype="<u2" if is_little_endian else ">u2")
    # Entries of 8 bits may lie two in a word, the first in the lower half (PS3.3 C.7.6.3.1.6).
    return words if len(words) >= count else words.astype("<u2").view(np.uint8)
