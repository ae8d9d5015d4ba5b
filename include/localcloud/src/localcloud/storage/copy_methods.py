"""Methods that make objects out of objects: copy, rewrite, move, compose.

Content is never copied: a new version refers to the same stored bytes.
Source: https://cloud.google.com/storage/docs/json_api/v1/objects/rewrite and .../objects/compose
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from localcloud.errors import GoogleError, invalid_argument
from localcloud.http.call import Call, Reply
from localcloud.http.service import serves
from localcloud.state.blobs import Blob, Blobs
from localcloud.storage.objects import ObjectStore
from localcloud.storage.preconditions import Conditions
from localcloud.storage.records import ObjectVersion, check_object_name, writable

_MAX_COMPONENTS = 32


class CopyMethods:
    """``storage.objects``: copy, rewrite, move, compose."""

    def __init__(self, objects: ObjectStore, blobs: Blobs) -> None:
        self._objects = objects
        self._blobs = blobs

    @serves("storage.objects.copy")
    def copy(self, call: Call) -> Reply:
        return Reply.json(self._copy(call).resource(call.base_url))

    @serves("storage.objects.rewrite")
    def rewrite(self, call: Call) -> Reply:
        copied = self._copy(call)
        answer = {
            "kind": "storage#rewriteResponse",
            "totalBytesRewritten": str(copied.size),
            "objectSize": str(copied.size),
            "done": True,
            "resource": copied.resource(call.base_url),
        }
        return Reply.json(answer)

    @serves("storage.objects.move")
    def move(self, call: Call) -> Reply:
        bucket = call.params["bucket"]
        source_name, target_name = call.params["sourceObject"], call.params["destinationObject"]
        if source_name == target_name:
            raise invalid_argument("The source and the destination of a move must differ.")
        with self._objects.change() as tx:
            source = self._objects.select_within(tx, bucket, source_name, None)
            _source_conditions(call).check(source.generation, source.metageneration)
            moved = self._objects.insert_within(
                tx,
                bucket,
                target_name,
                _content(source),
                fields=source.fields,
                conditions=Conditions.of_query(call.query),
                component_count=source.fields.get("componentCount"),
            )
            self._objects.retire_within(tx, source)
        return Reply.json(moved.resource(call.base_url))

    @serves("storage.objects.compose")
    def compose(self, call: Call) -> Reply:
        bucket, name = call.params["destinationBucket"], call.params["destinationObject"]
        conditions = Conditions.of_query(call.query)
        request = call.json()
        self._objects.check_target(bucket, name, conditions)
        sources = [self._component(bucket, item) for item in _components(request)]
        blob = self._blobs.put_stream(self._joined(sources))
        composed = self._objects.insert(
            bucket,
            name,
            blob,
            request.get("destination") or {},
            conditions,
            component_count=sum(source.fields.get("componentCount", 1) for source in sources),
        )
        return Reply.json(composed.resource(call.base_url))

    def _copy(self, call: Call) -> ObjectVersion:
        params = call.params
        with self._objects.change() as tx:
            source = self._objects.select_within(
                tx,
                params["sourceBucket"],
                params["sourceObject"],
                call.query.integer("sourceGeneration"),
            )
            _source_conditions(call).check(source.generation, source.metageneration)
            return self._objects.insert_within(
                tx,
                params["destinationBucket"],
                params["destinationObject"],
                _content(source),
                fields=_copied_fields(source, call.json()),
                conditions=Conditions.of_query(call.query),
                component_count=source.fields.get("componentCount"),
            )

    def _component(self, bucket: str, item: Mapping[str, Any]) -> ObjectVersion:
        name = check_object_name(item.get("name"))
        generation = item.get("generation")
        match = (item.get("objectPreconditions") or {}).get("ifGenerationMatch")
        version = self._objects.get(bucket, name, None if generation is None else int(generation))
        Conditions(generation_match=None if match is None else int(match)).check(
            version.generation, version.metageneration
        )
        return version

    def _joined(self, sources: list[ObjectVersion]) -> Iterator[bytes]:
        for source in sources:
            yield from self._blobs.chunks(source.sha256, 0, source.size)


def _source_conditions(call: Call) -> Conditions:
    return Conditions.of_query(call.query, "ifSource")


def _content(source: ObjectVersion) -> Blob:
    fields = source.fields
    return Blob(source.sha256, source.size, fields.get("md5Hash", ""), fields["crc32c"])


def _copied_fields(source: ObjectVersion, request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metadata of a copy: the caller's if it gave any, else the source's."""
    given = writable(request)
    # A hold belongs to the object it was placed on.
    held = ("temporaryHold", "eventBasedHold", "storageClass")
    kept = {k: v for k, v in writable(source.fields).items() if k not in held}
    return given if given.keys() - {"storageClass"} else {**kept, **given}


def _components(request: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    items = request.get("sourceObjects") or []
    if not items:
        raise GoogleError.of(400, "You must provide at least one source component.", "required")
    if len(items) > _MAX_COMPONENTS:
        raise invalid_argument(
            f"The number of source components provided ({len(items)}) exceeds the maximum "
            f"({_MAX_COMPONENTS})."
        )
    return list(items)
