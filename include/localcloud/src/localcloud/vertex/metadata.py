"""Metadata of Vertex AI's operations: a type for each kind, the same content.

Source: https://cloud.google.com/vertex-ai/docs/general/long-running-operations
"""

from __future__ import annotations

from typing import Any

from localcloud.longrunning import utc_now

TYPES = "type.googleapis.com/google.cloud.aiplatform.v1."
EMPTY = "type.googleapis.com/google.protobuf.Empty"


def begun(kind: str) -> dict[str, Any]:
    """Return the metadata of an operation that begins; ``kind`` as in ``DeployModel``."""
    now = utc_now()
    generic = {"createTime": now, "updateTime": now}
    return {"@type": f"{TYPES}{kind}OperationMetadata", "genericMetadata": generic}


def finished(metadata: dict[str, Any], _: object, now: str) -> dict[str, Any]:
    """Return the metadata of an operation that ends."""
    generic = {**metadata["genericMetadata"], "updateTime": now}
    return {**metadata, "genericMetadata": generic}
