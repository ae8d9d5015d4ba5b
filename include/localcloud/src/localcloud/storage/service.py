"""Cloud Storage JSON API v1, put together from its groups of methods."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from localcloud.contract.discovery import Contract
from localcloud.errors import GoogleError
from localcloud.http.call import Call, Reply
from localcloud.http.service import HttpService
from localcloud.notify import Publisher, TopicLookup
from localcloud.state.blobs import Blobs
from localcloud.state.database import Database
from localcloud.state.outbox import Outbox
from localcloud.storage.bucket_methods import BucketMethods, NotificationMethods, PolicyMethods
from localcloud.storage.buckets import BucketStore
from localcloud.storage.copy_methods import CopyMethods
from localcloud.storage.notifications import Notifications
from localcloud.storage.object_methods import ObjectMethods
from localcloud.storage.objects import ObjectStore
from localcloud.storage.schema import STEPS
from localcloud.storage.upload_methods import UploadMethods
from localcloud.storage.uploads import Uploads

_HELD_CONTENT = (
    "SELECT sha256 FROM objects UNION SELECT sha256 FROM soft_deleted"
    " UNION SELECT sha256 FROM parts"
)


class StorageService(HttpService):
    """Buckets, objects, uploads and notifications.

    Parameters
    ----------
    uploads
        Folder for the bytes of unfinished resumable uploads.
    base_url
        Where clients reach this service; part of notification payloads.
    """

    name: ClassVar[str] = "storage"

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
        blobs.sweep({row["sha256"] for row in database.read(_HELD_CONTENT)})
        notifications = Notifications(database, Outbox(database, publisher), topic_exists, base_url)
        buckets = BucketStore(database)
        self.objects = ObjectStore(database, blobs, notifications)
        self.register(
            BucketMethods(buckets),
            PolicyMethods(buckets),
            NotificationMethods(notifications),
            ObjectMethods(database, blobs, buckets, self.objects),
            CopyMethods(self.objects, blobs),
            UploadMethods(self.contract, self.objects, blobs, Uploads(database, uploads)),
        )
        notifications.flush()

    def error_reply(self, error: GoogleError, call: Call | None = None) -> Reply:
        """Answer a failure in the shape of the JSON API.

        Source: https://cloud.google.com/storage/docs/json_api/v1/status-codes
        """
        if error.code == 304:
            return Reply(304)
        item: dict[str, Any] = {
            "message": error.message,
            "domain": "global",
            "reason": error.reason,
        }
        body = {"code": error.code, "message": error.message, "errors": [item]}
        return Reply.json({"error": body}, error.code)
