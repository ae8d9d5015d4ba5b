"""Methods on single objects and on listings."""

from __future__ import annotations

from typing import Any

from localcloud.http.call import Call, Reply
from localcloud.http.service import serves
from localcloud.state.blobs import Blobs
from localcloud.state.database import Database
from localcloud.storage.buckets import BucketStore
from localcloud.storage.listing import Selection, list_page
from localcloud.storage.media import download
from localcloud.storage.objects import ObjectStore
from localcloud.storage.preconditions import Conditions


class ObjectMethods:
    """``storage.objects``: get, list, patch, update, delete."""

    def __init__(
        self, database: Database, blobs: Blobs, buckets: BucketStore, objects: ObjectStore
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._buckets = buckets
        self._objects = objects

    @serves("storage.objects.get")
    def get(self, call: Call) -> Reply:
        version = self._objects.get(
            call.params["bucket"],
            call.params["object"],
            call.query.integer("generation"),
            Conditions.of_query(call.query),
        )
        if call.query.get("alt") == "media":
            return download(version, self._blobs, call.headers)
        return Reply.json(version.resource(call.base_url))

    @serves("storage.objects.list")
    def list(self, call: Call) -> Reply:
        bucket = self._buckets.get(call.params["bucket"]).name
        selection = Selection.of_query(call.query)
        page = list_page(self._database, bucket, selection, call.query.get("pageToken"))
        answer: dict[str, Any] = {"kind": "storage#objects"}
        if page.items:
            answer["items"] = [version.resource(call.base_url) for version in page.items]
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
        self._objects.delete(
            call.params["bucket"],
            call.params["object"],
            call.query.integer("generation"),
            Conditions.of_query(call.query),
        )
        return Reply(204)

    def _change(self, call: Call, *, replace_all: bool) -> Reply:
        version = self._objects.change_fields(
            call.params["bucket"],
            call.params["object"],
            call.query.integer("generation"),
            call.json(),
            Conditions.of_query(call.query),
            replace_all=replace_all,
        )
        return Reply.json(version.resource(call.base_url))
