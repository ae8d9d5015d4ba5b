"""Whatever a header describes, the picture is what the formulas of the standard make of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset
from tests.core.pixels.cases import LIMIT_BYTES, image
from tests.core.pixels.formulas import expected_picture
from tests.core.pixels.headers import (
    NATIVE_SYNTAXES,
    SIDES,
    Array,
    grey_images,
    stored_values,
    through_a_file,
    windows,
)

from wetread.core.pixels.errors import PixelError
from wetread.core.pixels.rendering import render_frame

SYNTAXES = st.sampled_from(NATIVE_SYNTAXES)
MANY = settings(max_examples=250, deadline=None)
FEW = settings(max_examples=60, deadline=None)


def check(dataset: Dataset, allowed: float = 0.5) -> None:
    """Compare every frame with the formulas; half a shade is what rounding takes."""
    for number in range(1, int(dataset.get("NumberOfFrames", 1)) + 1):
        ours = render_frame(dataset, number, limit_bytes=LIMIT_BYTES).pixels
        difference = np.abs(ours - expected_picture(dataset, number))
        assert difference.max() <= allowed + 1e-6


@MANY
@given(dataset=grey_images(), syntax=SYNTAXES)
def test_grey_of_any_depth_sign_and_transformation(dataset: Dataset, syntax: str) -> None:
    check(through_a_file(dataset, syntax))
