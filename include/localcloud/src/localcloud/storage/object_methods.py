"""Methods on single objects and on listings."""

from __future__ import annotations

from typing import Any

from localcloud.errors import GoogleError, invalid_argument
from localcloud.http.call import Call, Query, Reply
from localcloud.http.service import serves
from localcloud.state.database import Database
from localcloud.storage import customer_keys
from localcloud.storage.buckets import BucketStore
from localcloud.storage.contents import Contents
from localcloud.storage.listing import Selection, list_page
from localcloud.storage.media import download
from localcloud.storage.object_reads import Target
from localcloud.storage.objects import ObjectStore
from localcloud.storage.preconditions import Conditions


class ObjectMethods:
    """``storage.objects``: get, list, patch, update, delete, restore."""

    def __init__(
        self, database: Database, contents: Contents, buckets: BucketStore, objects: ObjectStore
    ) -> None:
        self._database = database
        self._contents = contents
        self._buckets = buckets
        self._objects = objects

    @serves("storage.objects.get")
    def get(self, call: Call) -> Reply:
        soft_deleted, media = call.query.flag("softDeleted"), call.query.get("alt") == "media"
        target = _target(call)
        if soft_deleted and (target.generation is None or media):
            raise invalid_argument(
                "A soft-deleted object needs its generation, and only its metadata can be read."
            )
        version = self._objects.get(target, soft_deleted=soft_deleted)
        key = customer_keys.of_headers(call.headers)
        if media:
            customer_keys.check(version, key)
            return download(version, self._contents, call.headers)
        if key is not None:
            customer_keys.check(version, key)
        return Reply.json(version.resource(call.base_url, with_checksums=key is not None))

    @serves("storage.objects.list")
    def list(self, call: Call) -> Reply:
        bucket = self._buckets.get(call.params["bucket"]).name
        selection = Selection.of_query(call.query)
        page = list_page(self._database, bucket, selection, call.query.get("pageToken"))
        answer: dict[str, Any] = {"kind": "storage#objects"}
        if page.items:
            answer["items"] = [
                version.resource(call.base_url, with_checksums=False) for version in page.items
            ]
        if page.prefixes:
            answer["prefixes"] = page.prefixes
        if page.next_token:
            answer["nextPageToken"] = page.next_token
        return Reply.json(answer)

    @serves("storage.objects.patch")
    def patch(self, call: Call) -> Reply:
        return self._change(call, replace_all=False)

    @serves("storage.objects.update")
    def update(self, call: Call) -> Reply:
        return self._change(call, replace_all=True)

    @serves("storage.objects.delete")
    def delete(self, call: Call) -> Reply:
        self._objects.delete(_target(call))
        return Reply(204)

    @serves("storage.objects.restore")
    def restore(self, call: Call) -> Reply:
        target = _target(call)
        if target.generation is None:
            raise GoogleError.of(400, "Required parameter: generation.", "required")
        return Reply.json(self._objects.restore(target).resource(call.base_url))

    def _change(self, call: Call, *, replace_all: bool) -> Reply:
        version = self._objects.change_fields(
            _target(call),
            call.json(),
            replace_all=replace_all,
            override_unlocked=call.query.flag("overrideUnlockedRetention"),
        )
        return Reply.json(version.resource(call.base_url))


def _target(call: Call) -> Target:
    query: Query = call.query
    return Target(
        call.params["bucket"],
        call.params["object"],
        query.integer("generation"),
        Conditions.of_query(query),
    )
