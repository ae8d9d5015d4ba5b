"""Sessions for training: of one thread, so that sums are always taken in one order."""

from __future__ import annotations

import onnxruntime


def session(model: bytes) -> onnxruntime.InferenceSession:
    """Return a session for the bytes of an ONNX file."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
