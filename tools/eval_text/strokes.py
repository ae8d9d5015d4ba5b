"""A plotter's letters, as old ultrasound and X-ray systems draw them: strokes on a grid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

GRID_WIDTH, GRID_HEIGHT = 4, 6
ADVANCE = 6
"""From one letter's left side to the next one's, in units of the grid."""

_STROKES: Mapping[str, str] = MappingProxyType(
    {
        "A": "06 20 46|14 34",
        "B": "00 06 36 45 44 33 03|33 42 41 30 00",
        "C": "41 30 10 01 05 16 36 45",
        "D": "00 06 26 44 42 20 00",
        "E": "40 00 06 46|03 33",
        "F": "40 00 06|03 33",
        "G": "41 30 10 01 05 16 36 45 43 23",
        "H": "00 06|40 46|03 43",
        "I": "10 30|20 26|16 36",
        "J": "40 45 36 16 05",
        "K": "00 06|40 03 46",
        "L": "00 06 46",
        "M": "06 00 23 40 46",
        "N": "06 00 46 40",
        "O": "10 01 05 16 36 45 41 30 10",
        "P": "06 00 30 41 42 33 03",
        "Q": "10 01 05 16 36 45 41 30 10|24 46",
        "R": "06 00 30 41 42 33 03|23 46",
        "S": "41 30 10 01 02 13 33 44 45 36 16 05",
        "T": "00 40|20 26",
        "U": "00 05 16 36 45 40",
        "V": "00 26 40",
        "W": "00 16 23 36 40",
        "X": "00 46|40 06",
        "Y": "00 23 40|23 26",
        "Z": "00 40 06 46",
        "0": "10 01 05 16 36 45 41 30 10|32 14",
        "1": "11 20 26|16 36",
        "2": "01 10 30 41 42 06 46",
        "3": "00 40 23 33 44 45 36 16 05",
        "4": "36 30 04 44",
        "5": "40 00 03 33 44 45 36 06",
        "6": "30 10 01 05 16 36 45 44 33 03",
        "7": "00 40 16",
        "8": "13 02 01 10 30 41 42 33 13 04 05 16 36 45 44 33",
        "9": "43 13 02 01 10 30 41 45 36 16",
        "-": "13 33",
        "/": "06 40",
        ":": "21 22|24 25",
        ".": "25 26",
        ",": "25 26 17",
        "^": "02 20 42",
        " ": "",
    }
)
"""Polylines by character, of points "xy"; y grows downwards, and small letters are capitals."""


def strokes(character: str) -> Iterator[npt.NDArray[np.float64]]:
    """Yield the polylines of a character, as points (x, y) in units of the grid."""
    for line in filter(None, _STROKES[character.upper()].split("|")):
        yield np.array([(int(x), int(y)) for x, y in line.split()], np.float64)
