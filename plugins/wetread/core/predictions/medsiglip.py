"""MedSigLIP: an embedding of a medical picture, or one by patch of it.

Source: Google-Health/medsiglip, python/serving/vertex_schemata
"""

from __future__ import annotations

from typing import Any

from wetread.core.predictions.contract import Prediction, PredictionError, Question
from wetread.core.predictions.embeddings import head_for, scored, vector
from wetread.core.predictions.fields import (
    Malformed,
    as_value,
    number,
    record,
    refusal,
)
from wetread.core.predictions.patches import coordinates, patch_vectors
from wetread.core.predictions.payload import Form, Payload

FORMS = (Form.BYTES, Form.DICOMWEB, Form.GCS)

NAME = "medsiglip"
_EMBEDDING = f"{NAME}/embedding"
_ABOUT = ("input_type", "model_temperature", "model_bias")


def instance(payload: Payload, question: Question) -> dict[str, Any]:
    """Return what is sent for one picture, or for patches of a slide."""
    patches = coordinates(question.patches)
    where = {"patch_coordinates_list": patches} if patches else {}
    if payload.form is Form.BYTES:
        return {"image": {"input_bytes": payload.base64, **where}}
    field = "gcs_uri" if payload.form is Form.GCS else "dicomweb_uri"
    return {"image": {field: payload.uri, **payload.credential("access_credential"), **where}}


@as_value
def read(prediction: object, question: Question) -> Prediction | PredictionError:
    """Read the embedding, or those of the patches asked for, and score them."""
    answer = record(prediction, "the answer", optional=None)
    if (error := refusal(answer)) is not None:
        return error
    field = "patch_embeddings" if question.patches else "embedding"
    record(answer, "the answer", required=(field, *_ABOUT))
    if answer["input_type"] != "image":
        raise Malformed("input_type must be image")
    for name in ("model_temperature", "model_bias"):
        number(answer[name], name)
    head = head_for(question, _EMBEDDING)
    if question.patches:
        vectors = patch_vectors(answer[field], question.patches, "embedding")
    else:
        vectors = vector(answer[field], field).reshape(1, -1)
    return scored(vectors, head, field)
