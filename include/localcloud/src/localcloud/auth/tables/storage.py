"""Cloud Storage.

Source: https://cloud.google.com/storage/docs/access-control/iam-json
"""

from __future__ import annotations

from localcloud.auth.needs import NOTHING, Need, Table, need

_PROJECT = "projects/{?project}"
_BUCKET = "projects/_/buckets/{bucket}"
_SOURCE = "projects/_/buckets/{sourceBucket}"
_DESTINATION = "projects/_/buckets/{destinationBucket}"
_COPY = (Need("storage.objects.get", _SOURCE), Need("storage.objects.create", _DESTINATION))
_READ_OBJECT_ACL = (
    Need("storage.objects.get", _BUCKET),
    Need("storage.objects.getIamPolicy", _BUCKET),
)
_WRITE_OBJECT_ACL = (*_READ_OBJECT_ACL, Need("storage.objects.setIamPolicy", _BUCKET))
_READ_BUCKET_ACL = (
    Need("storage.buckets.get", _BUCKET),
    Need("storage.buckets.getIamPolicy", _BUCKET),
)
_WRITE_BUCKET_ACL = (*_READ_BUCKET_ACL, Need("storage.buckets.setIamPolicy", _BUCKET))
_READ_DEFAULT_ACL = need("storage.buckets.get", _BUCKET)
_WRITE_DEFAULT_ACL = (*_READ_DEFAULT_ACL, Need("storage.buckets.update", _BUCKET))
_RESTORE = (
    Need("storage.objects.restore", _BUCKET),
    Need("storage.objects.create", _BUCKET),
)


def _access_controls(kind: str, read: tuple[Need, ...], write: tuple[Need, ...]) -> Table:
    rows = {f"storage.{kind}.{verb}": read for verb in ("get", "list")}
    return rows | {
        f"storage.{kind}.{verb}": write for verb in ("insert", "patch", "update", "delete")
    }


# What replaces or removes a live object needs storage.objects.delete besides; only the object
# store knows whether there is one, and asks for it.
TABLE: Table = {
    "storage.buckets.insert": need("storage.buckets.create", _PROJECT),
    "storage.buckets.list": need("storage.buckets.list", _PROJECT),
    "storage.buckets.get": need("storage.buckets.get", _BUCKET),
    "storage.buckets.patch": need("storage.buckets.update", _BUCKET),
    "storage.buckets.update": need("storage.buckets.update", _BUCKET),
    "storage.buckets.delete": need("storage.buckets.delete", _BUCKET),
    "storage.buckets.restore": need("storage.buckets.restore", _BUCKET),
    "storage.buckets.lockRetentionPolicy": need("storage.buckets.update", _BUCKET),
    "storage.buckets.getStorageLayout": need("storage.objects.list", _BUCKET),
    "storage.buckets.getIamPolicy": need("storage.buckets.getIamPolicy", _BUCKET),
    "storage.buckets.setIamPolicy": need("storage.buckets.setIamPolicy", _BUCKET),
    "storage.buckets.testIamPermissions": NOTHING,
    "storage.channels.stop": NOTHING,
    "storage.notifications.insert": need("storage.buckets.update", _BUCKET),
    "storage.notifications.delete": need("storage.buckets.update", _BUCKET),
    "storage.notifications.get": need("storage.buckets.get", _BUCKET),
    "storage.notifications.list": need("storage.buckets.get", _BUCKET),
    "storage.objects.list": need("storage.objects.list", _BUCKET),
    "storage.objects.get": need("storage.objects.get", _BUCKET),
    "storage.objects.insert": need("storage.objects.create", _BUCKET),
    "storage.objects.patch": (
        Need("storage.objects.get", _BUCKET),
        Need("storage.objects.update", _BUCKET),
    ),
    "storage.objects.update": need("storage.objects.update", _BUCKET),
    "storage.objects.delete": need("storage.objects.delete", _BUCKET),
    "storage.objects.compose": (
        Need("storage.objects.get", _DESTINATION),
        Need("storage.objects.create", _DESTINATION),
    ),
    "storage.objects.copy": _COPY,
    "storage.objects.rewrite": _COPY,
    "storage.objects.move": (
        Need("storage.objects.move", _BUCKET),
        Need("storage.objects.create", _BUCKET),
    ),
    "storage.objects.restore": _RESTORE,
    "storage.objects.bulkRestore": _RESTORE,
    "storage.objects.getIamPolicy": need("storage.objects.getIamPolicy", _BUCKET),
    "storage.objects.setIamPolicy": need("storage.objects.setIamPolicy", _BUCKET),
    "storage.objects.testIamPermissions": NOTHING,
    "storage.projects.serviceAccount.get": need(
        "resourcemanager.projects.get", "projects/{projectId}"
    ),
    **_access_controls("bucketAccessControls", _READ_BUCKET_ACL, _WRITE_BUCKET_ACL),
    **_access_controls("defaultObjectAccessControls", _READ_DEFAULT_ACL, _WRITE_DEFAULT_ACL),
    **_access_controls("objectAccessControls", _READ_OBJECT_ACL, _WRITE_OBJECT_ACL),
}
