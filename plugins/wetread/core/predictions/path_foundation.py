"""Path Foundation: embeddings of patches of a slide.

A slide is named by its series and the instances of one level; the server answers with a vector of
384 or 768 numbers for every patch, or with an error code inside an HTTP 200.
Source: Google-Health/path-foundation, python/serving/vertex_schemata
"""

from __future__ import annotations

from typing import Any

from wetread.core.predictions.contract import Prediction, PredictionError, Question
from wetread.core.predictions.embeddings import head_for, scored
from wetread.core.predictions.fields import as_value, record, refusal
from wetread.core.predictions.patches import coordinates, patch_vectors
from wetread.core.predictions.payload import Form, Payload

FORMS = (Form.BYTES, Form.DICOMWEB, Form.GCS)

NAME = "path-foundation"
_EMBEDDING = f"{NAME}/embedding_vector"


def instance(payload: Payload, question: Question) -> dict[str, Any]:
    """Return what is sent for some patches of one slide's level.

    The DICOMweb address is that of the series; the question's images are the level's instances.
    """
    where = {"patch_coordinates": coordinates(question.patches)}
    if payload.form is Form.BYTES:
        return {"raw_image_bytes": payload.base64, **where}
    credential = payload.credential("bearer_token")
    if payload.form is Form.GCS:
        return {"image_file_uri": payload.uri, **credential, **where}
    path = {"series_path": payload.uri, "instance_uids": sorted(question.images)}
    return {"dicom_path": path, **credential, **where}


@as_value
def read(prediction: object, question: Question) -> Prediction | PredictionError:
    """Read one vector for every patch asked for, and score them."""
    answer = record(prediction, "the answer", optional=None)
    if (error := refusal(answer)) is not None:
        return error
    record(answer, "the answer", required=("result",), optional=None)
    result = record(answer["result"], "result", required=("patch_embeddings",), optional=None)
    head = head_for(question, _EMBEDDING)
    vectors = patch_vectors(result["patch_embeddings"], question.patches, "embedding_vector")
    return scored(vectors, head, "patch_embeddings")
