"""CXR Foundation: embeddings of a chest radiograph.

An instance is exactly one picture; the server refuses fields it does not know, and a token beside
bytes. Its prediction is an embedding or ``{"error": {"description": ...}}`` inside an HTTP 200.
Source: Google-Health/cxr-foundation, python/serving/vertex_schemata
"""

from __future__ import annotations

from typing import Any

from wetread.core.predictions.contract import Prediction, PredictionError, Question
from wetread.core.predictions.embeddings import head_for, scored, stacked, vector
from wetread.core.predictions.fields import array, as_value, record, refusal
from wetread.core.predictions.payload import Form, Payload

FORMS = (Form.BYTES, Form.DICOMWEB, Form.GCS)

NAME = "cxr-foundation"
_IMAGE_EMBEDDINGS = ("general_img_emb", "contrastive_img_emb")
_FIELDS = (*_IMAGE_EMBEDDINGS, "contrastive_txt_emb")
_NAMES = tuple(f"{NAME}/{field}" for field in _IMAGE_EMBEDDINGS)


def instance(payload: Payload, question: Question) -> dict[str, Any]:
    """Return what is sent for one radiograph."""
    if payload.form is Form.BYTES:
        return {"input_bytes": payload.base64}
    field = "gcs_uri" if payload.form is Form.GCS else "dicomweb_uri"
    return {field: payload.uri, **payload.credential("bearer_token")}


@as_value
def read(prediction: object, question: Question) -> Prediction | PredictionError:
    """Read the embedding that the question's head was trained on, and score it."""
    answer = record(prediction, "the answer", optional=None)
    if (error := refusal(answer)) is not None:
        return error
    record(answer, "the answer", optional=_FIELDS)
    head = head_for(question, *_NAMES)
    field = head.embedding.partition("/")[2]
    record(answer, "the answer", required=(field,), optional=_FIELDS)
    rows = array(answer[field], field, least=1)
    vectors = [vector(row, f"{field}[{index}]") for index, row in enumerate(rows)]
    return scored(stacked(vectors, field), head, field)
