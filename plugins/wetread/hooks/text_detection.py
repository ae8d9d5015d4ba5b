"""The network that finds text in pictures, run by ONNX Runtime in this process.

The model is PP-OCRv4's detector, which the wheel of RapidOCR carries; no line of RapidOCR's code is
run, and nothing reads the text.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Iterator, Sequence
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
from wetread.core.pixels.burned_in.tiles import padded, scales, tiles

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

_PACKAGE = "rapidocr_onnxruntime"
_MODEL = "models/ch_PP-OCRv4_det_infer.onnx"
_THREADS = 2
"""A worker shares its cores with the tasks beside it."""
_TILES_REMEMBERED = 64
"""The boxes of so many tiles: a cine loop repeats its banner in every frame."""
_FAINTEST = 16
"""A tile with fewer shades is not stretched further: noise would look like letters."""
_LOADING = Lock()
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
        picture = Image.fromarray(pixels).convert("RGB")
        shape = (pixels.shape[0], pixels.shape[1])
        return [box for scale in scales(shape) for box in self._detect(picture, scale)]

    def _detect(self, picture: Image.Image, scale: float) -> Iterator[TextBox]:
        columns, rows = (max(round(side * scale), 1) for side in picture.size)
        canvas = np.zeros((padded(rows), padded(columns), 3), np.uint8)
        canvas[:rows, :columns] = picture.resize((columns, rows), Image.Resampling.BILINEAR)
        for tile in tiles(*canvas.shape[:2]):
            part = canvas[tile.top : tile.top + tile.rows, tile.left : tile.left + tile.columns]
            for box in self._boxes(part):
                yield box.moved(tile.left, tile.top).scaled(1 / scale)

    def _boxes(self, tile: Picture) -> tuple[TextBox, ...]:
        if tile.min() == tile.max():
            return ()
        key = blake2b(tile.tobytes(), digest_size=16).digest() + repr(tile.shape).encode()
        with self._running:
            boxes = self._known.pop(key, None)
            if boxes is None:
                boxes = tuple(text_boxes(self._likely(tile)))
            self._known[key] = boxes
            if len(self._known) > _TILES_REMEMBERED:
                self._known.popitem(last=False)
        return boxes

    def _likely(self, tile: Picture) -> Any:
        # The network expects -1..1. Faint letters are seen when the tile's shades fill that range.
        darkest, brightest = int(tile.min()), int(tile.max())
        values = tile.transpose(2, 0, 1)[None].astype(np.float32)
        values -= darkest
        values *= 2 / max(brightest - darkest, _FAINTEST)
        values -= 1
        return self._session.run(None, {self._input: values})[0][0, 0]


def text_detector() -> OnnxTextDetector:
    """Return the detector of this process; the first call loads the model.

    Raises
    ------
    PermanentError
        ``text-detector-missing``: ONNX Runtime or the model is not installed.
    """
    with _LOADING:
        return _loaded()


@cache
def _loaded() -> OnnxTextDetector:
    try:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = min(_THREADS, os.cpu_count() or 1)
        options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False
        # Waiting threads sleep: the cores belong to the tasks beside this one.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = _SILENT
        session = onnxruntime.InferenceSession(
            _model_path(), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # a broken installation fails in arbitrary ways
        raise problem(
            "text-detector-missing", f"loading it ended with {type(error).__name__}."
        ) from None
    return OnnxTextDetector(session)


def _model_path() -> str:
    """Find the model without importing the package, which would load half of OpenCV."""
    spec = find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(_PACKAGE)
    return str(Path(spec.submodule_search_locations[0]) / _MODEL)
