"""Methods on buckets and their notification configurations."""

from __future__ import annotations

from typing import Any

from localcloud.errors import GoogleError, invalid_argument
from localcloud.http.call import Call, Reply
from localcloud.http.service import serves
from localcloud.storage.bucket_rules import project_number
from localcloud.storage.buckets import BucketStore
from localcloud.storage.notifications import Notifications
from localcloud.storage.preconditions import Conditions

_MAX_PAGE = 1000


class BucketMethods:
    """``storage.buckets``."""

    def __init__(self, buckets: BucketStore) -> None:
        self._buckets = buckets

    @serves("storage.buckets.insert")
    def insert(self, call: Call) -> Reply:
        bucket = self._buckets.insert(
            _project(call),
            call.json(),
            object_retention=call.query.flag("enableObjectRetention"),
        )
        return Reply.json(bucket.resource(call.base_url))

    @serves("storage.buckets.get")
    def get(self, call: Call) -> Reply:
        _refuse_soft_deleted(call)
        bucket = self._buckets.get(call.params["bucket"])
        Conditions.of_query(call.query).check(None, bucket.metageneration, reading=True)
        return Reply.json(bucket.resource(call.base_url))

    @serves("storage.buckets.list")
    def list(self, call: Call) -> Reply:
        _refuse_soft_deleted(call)
        limit = min(call.query.integer("maxResults") or _MAX_PAGE, _MAX_PAGE)
        after = call.query.get("pageToken") or ""
        prefix = call.query.get("prefix") or ""
        found = self._buckets.list(_project(call), prefix, after, limit + 1)
        answer: dict[str, Any] = {
            "kind": "storage#buckets",
            "items": [bucket.resource(call.base_url) for bucket in found[:limit]],
        }
        if len(found) > limit:
            answer["nextPageToken"] = found[limit - 1].name
        return Reply.json(answer)

    @serves("storage.buckets.patch")
    def patch(self, call: Call) -> Reply:
        conditions = Conditions.of_query(call.query)
        bucket = self._buckets.patch(call.params["bucket"], call.json(), conditions)
        return Reply.json(bucket.resource(call.base_url))

    @serves("storage.buckets.update")
    def update(self, call: Call) -> Reply:
        conditions = Conditions.of_query(call.query)
        bucket = self._buckets.update(call.params["bucket"], call.json(), conditions)
        return Reply.json(bucket.resource(call.base_url))

    @serves("storage.buckets.delete")
    def delete(self, call: Call) -> Reply:
        self._buckets.delete(call.params["bucket"], Conditions.of_query(call.query))
        return Reply(204)

    @serves("storage.buckets.lockRetentionPolicy")
    def lock_retention_policy(self, call: Call) -> Reply:
        conditions = Conditions.of_query(call.query)
        if conditions.metageneration_match is None:
            raise GoogleError.of(400, "Required parameter: ifMetagenerationMatch.", "required")
        bucket = self._buckets.lock_retention(call.params["bucket"], conditions)
        return Reply.json(bucket.resource(call.base_url))

    @serves("storage.buckets.getStorageLayout")
    def storage_layout(self, call: Call) -> Reply:
        bucket = self._buckets.get(call.params["bucket"])
        layout = {name: bucket.fields[name] for name in ("location", "locationType")}
        answer = {"kind": "storage#storageLayout", "bucket": bucket.name, **layout}
        return Reply.json({**answer, "hierarchicalNamespace": {"enabled": False}})

    @serves("storage.projects.serviceAccount.get")
    def service_account(self, call: Call) -> Reply:
        number = project_number(call.params["projectId"])
        account = f"service-{number}@gs-project-accounts.iam.gserviceaccount.com"
        return Reply.json({"kind": "storage#serviceAccount", "email_address": account})


class NotificationMethods:
    """``storage.notifications``."""

    def __init__(self, notifications: Notifications) -> None:
        self._notifications = notifications

    @serves("storage.notifications.insert")
    def insert(self, call: Call) -> Reply:
        return Reply.json(self._notifications.insert(call.params["bucket"], call.json()))

    @serves("storage.notifications.get")
    def get(self, call: Call) -> Reply:
        params = call.params
        return Reply.json(self._notifications.get(params["bucket"], params["notification"]))

    @serves("storage.notifications.list")
    def list(self, call: Call) -> Reply:
        items = self._notifications.list(call.params["bucket"])
        return Reply.json({"kind": "storage#notifications", "items": items})

    @serves("storage.notifications.delete")
    def delete(self, call: Call) -> Reply:
        self._notifications.delete(call.params["bucket"], call.params["notification"])
        return Reply(204)


def _project(call: Call) -> str:
    project = call.query.get("project")
    if not project:
        raise invalid_argument("Required parameter: project.")
    return project


def _refuse_soft_deleted(call: Call) -> None:
    # Live buckets in the place of deleted ones would be a wrong answer, not a missing one.
    if call.query.flag("softDeleted"):
        raise GoogleError.of(501, "Soft-deleted buckets are not served: a deleted bucket is gone.")
