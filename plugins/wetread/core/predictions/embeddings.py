"""Vectors in an answer, and the scores that a linear head makes of them.

Foundation models answer with embeddings only. Without a head for just that embedding there is
nothing to say about findings, and a head that does not fit must not guess.
"""

from __future__ import annotations

import numpy as np

from wetread.core.findings import SCORE_DECIMALS
from wetread.core.predictions.contract import (
    EmbeddingNote,
    ModelVersion,
    Prediction,
    Question,
)
from wetread.core.predictions.fields import Malformed, array
from wetread.core.predictions.linear_head import LinearHead, Vectors

_MAX_VALUE = 1e30
"""Far over what any embedding holds, and far enough below what sums of products can hold."""


def vector(value: object, where: str) -> Vectors:
    """Return a list of finite numbers as one row.

    Raises
    ------
    Malformed
        It is no such list, or empty.
    """
    items = array(value, where, least=1)
    if any(isinstance(item, bool) or not isinstance(item, (int, float)) for item in items):
        raise Malformed(f"{where} must hold numbers")
    try:
        row = np.array(items, np.float64)
    except OverflowError:
        raise Malformed(f"{where} must hold finite numbers") from None
    if not (np.abs(row) <= _MAX_VALUE).all():
        raise Malformed(f"{where} must hold finite numbers")
    return row


def stacked(rows: list[Vectors], where: str) -> Vectors:
    """Return rows of one width as an array (vectors, width).

    Raises
    ------
    Malformed
        The rows differ in width.
    """
    if len({row.size for row in rows}) != 1:
        raise Malformed(f"{where} must hold vectors of one width")
    return np.stack(rows)


def head_for(question: Question, *names: str) -> LinearHead:
    """Return the question's head if it was trained on one of the embeddings ``names``.

    Raises
    ------
    Malformed
        There is no head, it fits another embedding, or its codes are not the analysis'.
    """
    head = question.head
    if head is None or head.embedding not in names:
        raise Malformed(f"the analysis has no linear head for {' or '.join(names)}")
    if head.weights.keys() != question.codes:
        raise Malformed("the linear head must have the analysis' finding codes, each and no other")
    return head


def scored(vectors: Vectors, head: LinearHead, where: str) -> Prediction:
    """Return the scores of the head on ``vectors``, shaped (vectors, width).

    Raises
    ------
    Malformed
        The dimension is not the head's.
    """
    try:
        scores = head.scores(vectors)
    except ValueError:
        raise Malformed(f"{where} does not have the dimension of the linear head") from None
    return Prediction(
        model=ModelVersion(head.name, head.version, head.digest),
        scores={code: round(score, SCORE_DECIMALS) for code, score in scores.items()},
        embedding=EmbeddingNote(head.embedding, head.dimension, len(vectors)),
    )
