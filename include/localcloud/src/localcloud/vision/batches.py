"""``images:asyncBatchAnnotate``: up to 2,000 images of Cloud Storage, answers in JSON files.

Source: https://cloud.google.com/vision/docs/batch
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol

from localcloud.auth.caller import current
from localcloud.bodies import message_of, whole
from localcloud.errors import GoogleError, invalid_argument
from localcloud.http.call import Call, Reply
from localcloud.http.service import serves
from localcloud.longrunning import Kind, Operations, utc_now
from localcloud.vision.images import PERMISSION_DENIED, ObjectReader
from localcloud.vision.requests import Requests

Json = dict[str, Any]

MAXIMUM_IMAGES = 2000
_KIND = "AsyncBatchAnnotateImages"
_TYPES = "type.googleapis.com/google.cloud.vision.v1."
_DEFAULT_BATCH, _MAX_BATCH = 20, 100
_BUCKETS = "projects/_/buckets/"


class CloudObjects(ObjectReader, Protocol):
    """Reads and writes Cloud Storage; safe to call from any thread."""

    def write(self, bucket: str, name: str, data: bytes, content_type: str) -> None:
        """Store an object, or raise GoogleError 404 when there is no such bucket."""


class BatchMethods:
    """images.asyncBatchAnnotate and the operations that it begins."""

    def __init__(self, objects: CloudObjects, requests: Requests, operations: Operations) -> None:
        self._objects = objects
        self._requests = requests
        self._operations = operations
        response = f"{_TYPES}AsyncBatchAnnotateImagesResponse"
        operations.define(_KIND, Kind(response, _finish, self._annotate, _finished, is_short=False))

    @serves(
        "vision.images.asyncBatchAnnotate",
        "vision.projects.images.asyncBatchAnnotate",
        "vision.projects.locations.images.asyncBatchAnnotate",
    )
    def annotate(self, call: Call) -> Reply:
        """Begin an operation; the caller's rights on the buckets are those of this moment."""
        body = message_of(call)
        requests = body.get("requests") or []
        if not 1 <= len(requests) <= MAXIMUM_IMAGES:
            raise invalid_argument(
                f"Give 1 to {MAXIMUM_IMAGES} images in 'requests', not {len(requests)}."
            )
        for index, request in enumerate(requests):
            self._requests.check(request)
            if request["image"].get("content"):
                raise invalid_argument(
                    f"requests[{index}].image.content is not supported here; use source.imageUri."
                )
        output = body.get("outputConfig") or {}
        bucket, _ = _destination(output)
        size = whole(output.get("batchSize", _DEFAULT_BATCH), "batch_size")
        if not 1 <= size <= _MAX_BATCH:
            raise invalid_argument(f"output_config.batch_size must be 1 to {_MAX_BATCH}.")
        caller = current()
        caller.require("storage.objects.create", f"{_BUCKETS}{bucket}")
        buckets = {_bucket_of(request) for request in requests}
        denied = [b for b in buckets if not caller.allows("storage.objects.get", f"{_BUCKETS}{b}")]
        arguments = {
            "requests": requests,
            "outputConfig": output,
            "batchSize": size,
            "denied": denied,
        }
        parent = call.params.get("parent") or body.get("parent") or ""
        return Reply.json(self._operations.start(parent, _KIND, arguments, _begun()))

    def _annotate(self, arguments: Json) -> None:
        requests, denied = arguments["requests"], set(arguments["denied"])
        bucket, prefix = _destination(arguments["outputConfig"])
        size = arguments["batchSize"]
        for start in range(0, len(requests), size):
            batch = requests[start : start + size]
            answers = []
            for index, request in enumerate(batch, start):
                if self._operations.is_stopping:
                    return
                answers.append(self._answer(request, index, denied))
            name = f"{prefix}output-{start + 1}-to-{start + len(batch)}.json"
            document = json.dumps({"responses": answers}, ensure_ascii=False).encode()
            self._objects.write(bucket, name, document, "application/json")

    def _answer(self, request: Json, index: int, denied: set[str]) -> Json:
        source = request["image"].get("source") or {}
        uri = source.get("imageUri") or source.get("gcsImageUri") or ""
        if _bucket_of(request) in denied:
            error = {"code": PERMISSION_DENIED, "message": f"Error opening file: {uri}."}
            answer: Json = {"error": error}
        else:
            answer = self._requests.answer(request, f"requests[{index}]")
        return {**answer, "context": {"uri": uri}} if uri else answer

    @serves(
        "vision.operations.get",
        "vision.projects.operations.get",
        "vision.projects.locations.operations.get",
    )
    def get_operation(self, call: Call) -> Reply:
        return Reply.json(self._operations.get(call.params["name"]))

    @serves("vision.operations.cancel")
    def cancel_operation(self, call: Call) -> Reply:
        self._operations.cancel(call.params["name"])
        return Reply.json({})

    @serves("vision.operations.delete")
    def delete_operation(self, call: Call) -> Reply:
        self._operations.delete(call.params["name"])
        return Reply.json({})


def _destination(output: Mapping[str, Any]) -> tuple[str, str]:
    uri = (output.get("gcsDestination") or {}).get("uri") or ""
    bucket, _, prefix = uri.removeprefix("gs://").partition("/")
    if not uri.startswith("gs://") or not bucket:
        raise invalid_argument("output_config.gcs_destination.uri must be gs://BUCKET/PREFIX.")
    return bucket, prefix


def _bucket_of(request: Mapping[str, Any]) -> str:
    source = request["image"].get("source") or {}
    uri = source.get("imageUri") or source.get("gcsImageUri") or ""
    return str(uri).removeprefix("gs://").partition("/")[0] if uri.startswith("gs://") else ""


def _begun() -> Json:
    now = utc_now()
    return {
        "@type": f"{_TYPES}OperationMetadata",
        "state": "CREATED",
        "createTime": now,
        "updateTime": now,
    }


def _finish(arguments: Json) -> Json:
    return {"outputConfig": arguments["outputConfig"]}


def _finished(metadata: Json, outcome: Json | GoogleError, now: str) -> Json:
    cancelled = isinstance(outcome, GoogleError) and outcome.status == "CANCELLED"
    return {**metadata, "state": "CANCELLED" if cancelled else "DONE", "updateTime": now}
