"""The network that finds text in pictures, run by ONNX Runtime in this process.

The model is PP-OCRv4's detector, which the wheel of RapidOCR carries; no line of RapidOCR's code is
run, and nothing reads the text.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Sequence
from functools import cache
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from wetread.core.errors import problem
from wetread.core.pixels.burned_in.boxes import Picture, TextBox
from wetread.core.pixels.burned_in.probabilities import text_boxes
from wetread.core.pixels.burned_in.tiles import enlargement, padded, tiles

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

_PACKAGE = "rapidocr_onnxruntime"
_MODEL = "models/ch_PP-OCRv4_det_infer.onnx"
_THREADS = 2
"""A worker shares its cores with the tasks beside it."""
_TILES_REMEMBERED = 64
"""The boxes of so many tiles: a cine loop repeats its banner in every frame."""
_FLAT = 12
"""In a tile whose shades lie within so many of each other nobody reads anything."""
_SILENT = 4
"""ONNX Runtime logs fatal problems only; others are raised."""


class OnnxTextDetector:
    """Finds lines of text; one picture's tile is in work at a time, which bounds the memory.

    Safe to share between threads.
    """

    def __init__(self, session: InferenceSession) -> None:
        self._session = session
        self._input = session.get_inputs()[0].name
        self._running = Lock()
        self._known: OrderedDict[bytes, tuple[TextBox, ...]] = OrderedDict()

    def detect(self, pixels: Picture) -> Sequence[TextBox]:
        """Return boxes around the text of an 8-bit picture, a little larger than the letters."""
        rows, columns = pixels.shape[:2]
        scale = enlargement((rows, columns))
        scaled = Image.fromarray(pixels).convert("RGB")
        scaled = scaled.resize((columns * scale, rows * scale), Image.Resampling.BILINEAR)
        canvas = np.zeros((padded(rows * scale), padded(columns * scale), 3), np.uint8)
        canvas[: rows * scale, : columns * scale] = scaled
        found = []
        for tile in tiles(*canvas.shape[:2]):
            part = canvas[tile.top : tile.top + tile.rows, tile.left : tile.left + tile.columns]
            found += [box.moved(tile.left, tile.top) for box in self._boxes(part)]
        return [
            TextBox(b.left // scale, b.top // scale, -(-b.right // scale), -(-b.bottom // scale))
            for b in found
        ]

    def _boxes(self, tile: Picture) -> tuple[TextBox, ...]:
        if int(tile.max()) - int(tile.min()) < _FLAT:
            return ()
        key = (
            blake2b(np.ascontiguousarray(tile), digest_size=16).digest() + repr(tile.shape).encode()
        )
        with self._running:
            boxes = self._known.pop(key, None)
            if boxes is None:
                boxes = tuple(text_boxes(self._likely(tile)))
            self._known[key] = boxes
            if len(self._known) > _TILES_REMEMBERED:
                self._known.popitem(last=False)
        return boxes

    def _likely(self, tile: Picture) -> Any:
        values = tile.transpose(2, 0, 1)[None].astype(np.float32)
        values *= 2 / 255
        values -= 1
        return self._session.run(None, {self._input: values})[0][0, 0]


@cache
def text_detector() -> OnnxTextDetector:
    """Return the detector of this process; the first call loads the model.

    Raises
    ------
    PermanentError
        ``text-detector-missing``: ONNX Runtime or the model is not installed.
    """
    try:
        import onnxruntime

        spec = find_spec(_PACKAGE)
        (folder,) = (spec and spec.submodule_search_locations) or ()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = min(_THREADS, os.cpu_count() or 1)
        options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False
        options.log_severity_level = _SILENT
        session = onnxruntime.InferenceSession(
            str(Path(folder) / _MODEL), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # a broken installation fails in arbitrary ways
        raise problem(
            "text-detector-missing", f"loading it ended with {type(error).__name__}."
        ) from None
    return OnnxTextDetector(session)
