"""``storage.objects.insert`` in its three forms: media, multipart, resumable.

Source: https://cloud.google.com/storage/docs/uploads-downloads
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from localcloud.contract.discovery import Contract
from localcloud.errors import GoogleError, invalid_argument
from localcloud.http.call import Call, Reply
from localcloud.http.service import serves
from localcloud.state.blobs import Blob
from localcloud.storage import checksums, customer_keys
from localcloud.storage.contents import Contents
from localcloud.storage.multipart import split_related
from localcloud.storage.object_reads import may_replace
from localcloud.storage.objects import ObjectStore
from localcloud.storage.preconditions import Conditions
from localcloud.storage.records import Draft, check_object_name, check_text
from localcloud.storage.uploads import Session, Span, Uploads

_INSERT = "storage.objects.insert"
_RESUME_INCOMPLETE = 308
_CANCELLED = 499


class UploadMethods:
    """The forms of ``storage.objects.insert``, told apart by ``uploadType`` and ``upload_id``."""

    def __init__(
        self, contract: Contract, objects: ObjectStore, contents: Contents, uploads: Uploads
    ) -> None:
        self._contract = contract
        self._objects = objects
        self._contents = contents
        self._uploads = uploads

    @serves(_INSERT)
    def insert(self, call: Call) -> Reply:
        if upload_id := call.query.get("upload_id"):
            with self._uploads.session(upload_id) as session:
                return (
                    self._cancel(session) if call.method == "DELETE" else self._go_on(call, session)
                )
        upload_type = call.query.get("uploadType")
        if call.media != "upload" or upload_type not in ("media", "multipart", "resumable"):
            raise invalid_argument(
                "Give uploadType=media, multipart or resumable on /upload/storage/v1/b/BUCKET/o."
            )
        if upload_type == "media":
            resource = {"contentType": call.headers.get("content-type")}
            return self._store(call, resource, call.payload.view)
        if upload_type == "multipart":
            content_type = call.headers.get("content-type", "")
            resource, data_type, data = split_related(content_type, call.payload)
            check_text(resource)
            self._contract.check_body(_INSERT, resource)
            return self._store(call, {"contentType": data_type, **resource}, data)
        return self._begin_by_json(call)

    def _store(self, call: Call, resource: Mapping[str, Any], data: memoryview) -> Reply:
        key = customer_keys.of_headers(call.headers)
        bucket, name = call.params["bucket"], _name(call, resource)
        conditions = Conditions.of_query(call.query)
        # A request that must fail should not first write its data.
        self._objects.check_target(bucket, name, conditions)
        blob = self._contents.put(data)
        checksums.check(blob, resource, call.headers)
        draft = Draft(bucket, name, blob, _with_query(call, resource), encryption=key)
        version = self._objects.insert(draft, conditions)
        return Reply.json(version.resource(call.base_url))

    def _begin_by_json(self, call: Call) -> Reply:
        resource = call.json()
        check_text(resource)
        self._contract.check_body(_INSERT, resource)
        content_type = call.headers.get("x-upload-content-type")
        fields = _with_query(call, {"contentType": content_type, **resource})
        return self.begin(call, call.params["bucket"], _name(call, resource), fields)

    def begin(self, call: Call, bucket: str, name: str, fields: Mapping[str, Any]) -> Reply:
        """Open a resumable session and answer where it goes on.

        Raises
        ------
        GoogleError
            404 without the bucket, 412 when a condition already fails.
        """
        conditions = Conditions.of_query(call.query)
        if call.media == "xml":
            conditions = Conditions.of_headers(call.headers)
        self._objects.check_target(bucket, name, conditions)
        if not may_replace(bucket):
            # The session's address is its own credential, but for no more than who began it may.
            conditions = replace(conditions, generation_match=0)
        # Output only in a request, so the server's own word is all that is kept of it.
        resource = {**fields, "customerEncryption": customer_keys.of_headers(call.headers)}
        upload_id = self._uploads.begin(bucket, name, conditions, resource)
        location = (
            f"{call.base_url}/upload/storage/v1/b/{bucket}/o"
            f"?uploadType=resumable&upload_id={upload_id}"
        )
        return Reply(200, headers={"location": location, "x-guploader-uploadid": upload_id})

    def _go_on(self, call: Call, session: Session) -> Reply:
        if session.outcome is not None:
            return Reply.json(session.outcome)
        span = Span.of_header(call.headers.get("content-range"), len(call.payload))
        held = self._uploads.append(session, span, call.payload.view)
        if held != span.total:
            # Without a Range header nothing was kept; the client starts again at zero.
            headers = {"range": f"bytes=0-{held - 1}"} if held else {}
            return Reply(_RESUME_INCOMPLETE, headers=headers)
        draft = Draft(
            session.bucket,
            session.name,
            self._complete(call, session),
            session.resource,
            encryption=session.resource.get("customerEncryption"),
        )
        # One change: a session whose object exists must never create it a second time.
        with self._objects.change() as tx:
            version = self._objects.insert_within(tx, draft, session.conditions)
            outcome = version.resource(call.base_url)
            self._uploads.finish_within(tx, session, outcome)
        self._uploads.discard(session)
        return Reply.json(outcome)

    def _complete(self, call: Call, session: Session) -> Blob:
        blob = self._contents.put_stream(self._uploads.chunks(session))
        try:
            checksums.check(blob, session.resource, call.headers)
        except GoogleError:
            # Damaged bytes cannot be mended by sending more.
            self._uploads.cancel(session)
            raise
        return blob

    def _cancel(self, session: Session) -> Reply:
        self._uploads.cancel(session)
        return Reply(_CANCELLED)


def _name(call: Call, resource: Mapping[str, Any]) -> str:
    return check_object_name(resource.get("name") or call.query.get("name"))


def _with_query(call: Call, resource: Mapping[str, Any]) -> dict[str, Any]:
    given = {name: call.query.get(name) for name in ("contentEncoding", "kmsKeyName")}
    return {**resource, **{name: value for name, value in given.items() if value}}
