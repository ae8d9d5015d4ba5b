"""Methods that make objects out of objects: copy, rewrite, move, compose.

Content is never copied: a new version refers to the same stored bytes.
Source: https://cloud.google.com/storage/docs/json_api/v1/objects/rewrite and .../objects/compose
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from localcloud.errors import GoogleError, invalid_argument
from localcloud.http.call import Call, Reply
from localcloud.http.service import serves
from localcloud.storage import customer_keys, rewriting
from localcloud.storage.contents import Contents
from localcloud.storage.object_reads import Target
from localcloud.storage.objects import ObjectStore
from localcloud.storage.preconditions import Conditions
from localcloud.storage.records import Draft, ObjectVersion, check_object_name, writable

_MAX_COMPONENTS = 32
# What belongs to the one object it was placed on.
_NOT_COPIED = frozenset({"temporaryHold", "eventBasedHold", "retention", "storageClass"})


class CopyMethods:
    """``storage.objects``: copy, rewrite, move, compose."""

    def __init__(self, objects: ObjectStore, contents: Contents) -> None:
        self._objects = objects
        self._contents = contents

    @serves("storage.objects.copy")
    def copy(self, call: Call) -> Reply:
        with self._objects.change() as tx:
            copied = self._objects.insert_within(
                tx, _copy_of(self._source(tx, call), call), Conditions.of_query(call.query)
            )
        return Reply.json(copied.resource(call.base_url))

    @serves("storage.objects.rewrite")
    def rewrite(self, call: Call) -> Reply:
        """Copy in one call, or piece by piece where ``maxBytesRewrittenPerCall`` asks for it."""
        with self._objects.change() as tx:
            source = self._source(tx, call)
            draft = _copy_of(source, call)
            progress = rewriting.next_step(call.query, source, draft)
            answer = {
                "kind": "storage#rewriteResponse",
                "totalBytesRewritten": str(progress.bytes_rewritten),
                "objectSize": str(source.size),
                "done": progress.token is None,
            }
            conditions = Conditions.of_query(call.query)
            if progress.token is not None:
                self._objects.check_target(draft.bucket, draft.name, conditions)
                return Reply.json({**answer, "rewriteToken": progress.token})
            copied = self._objects.insert_within(tx, draft, conditions)
        return Reply.json({**answer, "resource": copied.resource(call.base_url)})

    @serves("storage.objects.move")
    def move(self, call: Call) -> Reply:
        """Rename within a bucket, as one change."""
        bucket = call.params["bucket"]
        source_name, target_name = call.params["sourceObject"], call.params["destinationObject"]
        if source_name == target_name:
            raise invalid_argument("The source and the destination of a move must differ.")
        with self._objects.change() as tx:
            source = self._objects.select_within(
                tx, Target(bucket, source_name, None, _source_conditions(call))
            )
            moved = self._objects.insert_within(
                tx, source.draft(name=target_name), Conditions.of_query(call.query)
            )
            self._objects.retire_within(tx, source)
        return Reply.json(moved.resource(call.base_url))

    @serves("storage.objects.compose")
    def compose(self, call: Call) -> Reply:
        bucket, name = call.params["destinationBucket"], call.params["destinationObject"]
        conditions = Conditions.of_query(call.query)
        request = call.json()
        self._objects.check_target(bucket, name, conditions)
        key = customer_keys.of_headers(call.headers)
        sources = [self._component(bucket, item, key) for item in _components(request)]
        draft = Draft(
            bucket,
            name,
            # Parts are not read again on Google, so a composed object has no MD5.
            replace(self._contents.put_stream(self._joined(sources)), md5_b64=""),
            {**(request.get("destination") or {}), "kmsKeyName": call.query.get("kmsKeyName")},
            component_count=sum(source.fields.get("componentCount", 1) for source in sources),
            encryption=key,
        )
        return Reply.json(self._objects.insert(draft, conditions).resource(call.base_url))

    def _source(self, tx: sqlite3.Connection, call: Call) -> ObjectVersion:
        source = self._objects.select_within(
            tx,
            Target(
                call.params["sourceBucket"],
                call.params["sourceObject"],
                call.query.integer("sourceGeneration"),
                _source_conditions(call),
            ),
        )
        customer_keys.check(source, customer_keys.of_headers(call.headers, source=True))
        return source

    def _component(
        self, bucket: str, item: Mapping[str, Any], key: customer_keys.Encryption | None
    ) -> ObjectVersion:
        name = check_object_name(item.get("name"))
        generation = item.get("generation")
        match = (item.get("objectPreconditions") or {}).get("ifGenerationMatch")
        version = self._objects.get(
            Target(bucket, name, None if generation is None else int(generation))
        )
        Conditions(generation_match=None if match is None else int(match)).check_version(version)
        customer_keys.check(version, key)
        return version

    def _joined(self, sources: list[ObjectVersion]) -> Iterator[bytes]:
        for source in sources:
            yield from self._contents.chunks(source.sha256, 0, source.size)


def _source_conditions(call: Call) -> Conditions:
    return Conditions.of_query(call.query, "ifSource")


def _copy_of(source: ObjectVersion, call: Call) -> Draft:
    """Return a draft with the caller's metadata if it gave any, else the source's."""
    given = writable(call.json())
    kept = {k: v for k, v in writable(source.fields).items() if k not in _NOT_COPIED}
    fields = given if given.keys() - {"storageClass"} else {**kept, **given}
    if key := call.query.get("destinationKmsKeyName"):
        fields["kmsKeyName"] = key
    params = call.params
    draft = source.draft(params["destinationBucket"], params["destinationObject"])
    return replace(draft, fields=fields, encryption=customer_keys.of_headers(call.headers))


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
