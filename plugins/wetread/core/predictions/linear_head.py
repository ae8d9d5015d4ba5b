"""A linear classifier on an embedding: what makes scores of a foundation model's vectors.

The weights are data, a JSON text::

    {"name": "chest-head", "version": "3", "embedding": "cxr-foundation/general_img_emb",
     "pooling": "mean", "dimension": 768,
     "findings": {"pneumothorax": {"bias": -1.5, "weights": [0.01, ...]}}}

``embedding`` names the adapter and the field of its answer that the head was trained on. An answer
may hold several vectors, one by region or patch; ``pooling`` says what becomes of them: their
``mean``, the best score of any (``max``), or all of them in one row (``flatten``).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float64]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", re.ASCII)
_CODE = re.compile(r"[a-z][a-z0-9-]{0,63}", re.ASCII)

_MAX_DIMENSION = 2**20

_STEEPEST = 700.0
"""Beyond it, exp() leaves the range of float64, and the sigmoid has long been 0 or 1."""


class Pooling(StrEnum):
    """What becomes of several vectors."""

    MEAN = "mean"
    MAX = "max"
    FLATTEN = "flatten"


@dataclass(frozen=True)
class LinearHead:
    """Weights and bias by finding code; ``digest`` is that of the text they were read from."""

    name: str
    version: str
    digest: str
    embedding: str
    pooling: Pooling
    dimension: int
    weights: Mapping[str, Vectors] = field(repr=False)
    biases: Mapping[str, float] = field(repr=False)

    def scores(self, vectors: Vectors) -> dict[str, float]:
        """Return the score in 0..1 of every finding code.

        Parameters
        ----------
        vectors : (vectors, width), finite

        Raises
        ------
        ValueError
            The vectors do not have the head's dimension.
        """
        rows = vectors.reshape(1, -1) if self.pooling is Pooling.FLATTEN else vectors
        if self.pooling is Pooling.MEAN:
            rows = rows.mean(axis=0, keepdims=True)
        if rows.shape[1] != self.dimension:
            raise ValueError(f"a vector of {rows.shape[1]} numbers, not of {self.dimension}")
        return {
            code: _sigmoid(float((rows @ weights).max()) + self.biases[code])
            for code, weights in self.weights.items()
        }


def _sigmoid(logit: float) -> float:
    return float(1.0 / (1.0 + np.exp(-np.clip(logit, -_STEEPEST, _STEEPEST))))


def read_linear_head(text: str) -> LinearHead:
    """Read a head; see the head of this module for its form.

    Raises
    ------
    ValueError
        A field is missing, unknown or not what it must be.
    """
    table = _fields(
        json.loads(text, parse_constant=_refuse_constant),
        "the head",
        {"name", "version", "embedding", "pooling", "dimension", "findings"},
    )
    dimension = table["dimension"]
    if type(dimension) is not int or not 1 <= dimension <= _MAX_DIMENSION:
        raise ValueError(f"dimension must be a whole number in 1..{_MAX_DIMENSION}")
    findings = table["findings"]
    if not isinstance(findings, dict) or not findings:
        raise ValueError("findings must be a table by finding code, and not empty")
    weights, biases = {}, {}
    for code, row in findings.items():
        if not _CODE.fullmatch(code):
            raise ValueError(f"a finding code must have the form {_CODE.pattern}")
        entry = _fields(row, f"findings.{code}", {"bias", "weights"})
        (biases[code],) = _vector([entry["bias"]], f"findings.{code}.bias", 1)
        weights[code] = _vector(entry["weights"], f"findings.{code}.weights", dimension)
    return LinearHead(
        name=_name(table["name"], "name"),
        version=_name(table["version"], "version"),
        digest=f"sha256:{hashlib.sha256(text.encode()).hexdigest()}",
        embedding=_embedding(table["embedding"]),
        pooling=Pooling(table["pooling"]),
        dimension=dimension,
        weights=MappingProxyType(weights),
        biases=MappingProxyType({code: float(bias) for code, bias in biases.items()}),
    )


def _fields(value: Any, where: str, names: set[str]) -> dict[str, Any]:
    if not isinstance(value, dict) or value.keys() != names:
        raise ValueError(f"{where} must have the fields {sorted(names)}, each and no other")
    return value


def _name(value: object, where: str) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError(f"{where} must have the form {_NAME.pattern}")
    return value


def _embedding(value: object) -> str:
    adapter, slash, name = value.partition("/") if isinstance(value, str) else ("", "", "")
    if not slash:
        raise ValueError("embedding must be an adapter and a field, such as medsiglip/embedding")
    return f"{_name(adapter, 'embedding')}/{_name(name, 'embedding')}"


def _vector(value: object, where: str, dimension: int) -> Vectors:
    if (
        not isinstance(value, list)
        or len(value) != dimension
        or any(isinstance(item, bool) or not isinstance(item, (int, float)) for item in value)
    ):
        raise ValueError(f"{where} must be {dimension} numbers")
    try:
        vector = np.array(value, np.float64)
    except OverflowError:
        raise ValueError(f"{where} must be finite") from None
    if not np.isfinite(vector).all():
        raise ValueError(f"{where} must be finite")
    vector.setflags(write=False)
    return vector


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")
