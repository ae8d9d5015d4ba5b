"""What the recorded answers were asked, and the heads that score their embeddings."""

from __future__ import annotations

import json
from collections.abc import Mapping

from wetread.core.predictions.contract import ImageExtent, PatchSquare, Question
from wetread.core.predictions.linear_head import LinearHead, read_linear_head

WEIGHT, BIAS = 2.0, -1.0
"""A test's head looks at the first number of a vector only: its score can be told by eye."""


def head_text(embedding: str, dimension: int, pooling: str, code: str) -> str:
    """Return a head in its text form."""
    weights = [WEIGHT] + [0.0] * (dimension - 1)
    table = {
        "name": "first-number",
        "version": "1",
        "embedding": embedding,
        "pooling": pooling,
        "dimension": dimension,
        "findings": {code: {"bias": BIAS, "weights": weights}},
    }
    return json.dumps(table)


def _head(embedding: str, dimension: int, pooling: str, code: str) -> LinearHead:
    return read_linear_head(head_text(embedding, dimension, pooling, code))


_PATCHES = (PatchSquare(0, 0), PatchSquare(224, 448))
_PNEUMOTHORAX = frozenset({"pneumothorax"})

QUESTIONS: Mapping[str, Question] = {
    "chest-ct": Question(
        codes=frozenset({"pulmonary-nodule"}),
        images={f"2.25.3108.{number}": ImageExtent(512, 512) for number in range(1, 6)},
    ),
    "enhanced-ct": Question(
        codes=frozenset({"pulmonary-nodule"}), images={"2.25.3110.1": ImageExtent(512, 512, 40)}
    ),
    "picture": Question(codes=frozenset({"burned-in-text"})),
    "small-picture": Question(
        codes=frozenset({"burned-in-text"}), images={"2.25.3109.1": ImageExtent(64, 64)}
    ),
    "chest-dx-other-codes": Question(
        codes=frozenset({"effusion"}),
        head=_head("cxr-foundation/contrastive_img_emb", 128, "mean", "pneumothorax"),
    ),
    "chest-dx": Question(
        codes=_PNEUMOTHORAX,
        head=_head("cxr-foundation/contrastive_img_emb", 128, "mean", "pneumothorax"),
    ),
    "slide": Question(
        codes=frozenset({"tumour"}),
        images={"2.25.7.2": ImageExtent(9000, 9000), "2.25.7.1": ImageExtent(9000, 9000)},
        head=_head("path-foundation/embedding_vector", 384, "max", "tumour"),
        patches=_PATCHES,
    ),
    "radiograph": Question(
        codes=_PNEUMOTHORAX, head=_head("medsiglip/embedding", 1152, "mean", "pneumothorax")
    ),
    "radiograph-patches": Question(
        codes=_PNEUMOTHORAX,
        head=_head("medsiglip/embedding", 1152, "max", "pneumothorax"),
        patches=_PATCHES,
    ),
    "describe": Question(prompt="Describe the picture."),
    "describe-with-codes": Question(codes=_PNEUMOTHORAX, prompt="Describe the picture."),
}
