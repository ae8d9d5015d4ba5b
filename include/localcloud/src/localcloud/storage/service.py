"""Cloud Storage JSON API v1, put together from its groups of methods."""

from __future__ import annotations

import json
from http import HTTPStatus
from pathlib import Path
from typing import Any, ClassVar

from localcloud.contract.discovery import Contract, Route
from localcloud.errors import GoogleError
from localcloud.http.call import Call, Reply
from localcloud.http.service import HttpService
from localcloud.notify import Publisher, TopicLookup
from localcloud.state.blobs import Blobs
from localcloud.state.database import Database
from localcloud.state.outbox import Outbox
from localcloud.storage import fields, xml_documents, xml_methods
from localcloud.storage.bucket_methods import BucketMethods, NotificationMethods
from localcloud.storage.buckets import BucketStore
from localcloud.storage.contents import Contents
from localcloud.storage.copy_methods import CopyMethods
from localcloud.storage.lifecycle import Lifecycle
from localcloud.storage.notifications import Notifications
from localcloud.storage.object_methods import ObjectMethods
from localcloud.storage.objects import ObjectStore
from localcloud.storage.part_uploads import PartUploads
from localcloud.storage.policy_methods import PolicyMethods
from localcloud.storage.records import check_text
from localcloud.storage.schema import STEPS
from localcloud.storage.upload_methods import UploadMethods
from localcloud.storage.uploads import Uploads
from localcloud.storage.xml_methods import XmlMethods


class StorageService(HttpService):
    """Buckets, objects, uploads and notifications; also the XML API's ``/BUCKET/OBJECT``.

    Parameters
    ----------
    uploads
        Folder for the bytes of unfinished resumable uploads.
    base_url
        Where clients reach this service; part of notification payloads.
    """

    name: ClassVar[str] = "storage"
    max_batch_calls: ClassVar[int] = 100

    def __init__(
        self,
        database: Database,
        blobs: Blobs,
        uploads: Path,
        *,
        publisher: Publisher,
        topic_exists: TopicLookup,
        base_url: str,
    ) -> None:
        super().__init__(Contract("storage", "v1"))
        database.migrate("storage", STEPS)
        contents = Contents(database, blobs)
        contents.sweep()
        notifications = Notifications(database, Outbox(database, publisher), topic_exists, base_url)
        buckets = BucketStore(database)
        parts = PartUploads(database, blobs)
        self.objects = ObjectStore(database, contents, notifications)
        self.lifecycle = Lifecycle(database, buckets, self.objects, parts)
        methods = UploadMethods(self.contract, self.objects, contents, Uploads(database, uploads))
        self._xml = XmlMethods(self.objects, contents, methods, parts)
        self.register(
            BucketMethods(buckets),
            PolicyMethods(buckets),
            NotificationMethods(notifications),
            ObjectMethods(database, contents, buckets, self.objects),
            CopyMethods(self.objects, contents),
            methods,
        )
        notifications.flush()

    def route(self, verb: str, raw_path: str) -> Route | None:
        """Resolve a request of the JSON API, else of the XML API."""
        return super().route(verb, raw_path) or xml_methods.route(verb, raw_path)

    def error_reply(self, error: GoogleError, call: Call | None = None) -> Reply:
        """Answer a failure in the shape of the API that was called.

        Source: https://cloud.google.com/storage/docs/json_api/v1/status-codes
        """
        if error.code == HTTPStatus.NOT_MODIFIED:
            return Reply(304)
        if call is not None and call.media == "xml":
            return xml_documents.error(error)
        item: dict[str, Any] = {
            "message": error.message,
            "domain": "global",
            "reason": error.reason,
        }
        if error.code == HTTPStatus.UNAUTHORIZED:
            item |= {"locationType": "header", "location": "Authorization"}
        body = {"code": error.code, "message": error.message, "errors": [item]}
        return Reply.json({"error": body}, error.code)

    def _handle(self, route: Route, call: Call) -> Reply:
        if route.media == "xml":
            return self._xml.answer(call)
        if not route.media and len(call.payload):
            check_text(call.json())
        mask = self._mask(route, call)
        reply = super()._handle(route, call)
        if mask is None or reply.status != HTTPStatus.OK or not isinstance(reply.body, bytes):
            return reply
        if not reply.body or not reply.content_type.startswith("application/json"):
            return reply
        masked = Reply.json(fields.apply(mask, json.loads(reply.body)))
        masked.headers = reply.headers
        return masked

    def _mask(self, route: Route, call: Call) -> fields.Mask | None:
        text = call.query.get("fields") or call.query.get("$fields")
        schema = self.contract.response_schema(route.method_id)
        if not text or schema is None or call.query.get("alt") == "media":
            return None
        mask = fields.parse(text)
        fields.check(mask, {"$ref": schema}, self.contract.schemas)
        return mask
