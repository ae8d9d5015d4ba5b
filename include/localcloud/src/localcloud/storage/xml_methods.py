"""The XML API as far as signed URLs and parallel uploads need it: ``/BUCKET/OBJECT``.

Source: https://cloud.google.com/storage/docs/xml-api/reference-methods
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from localcloud.contract.discovery import Route
from localcloud.errors import GoogleError, invalid_argument
from localcloud.http.call import Call, Reply
from localcloud.storage import checksums, customer_keys, part_uploads, signed_urls, xml_documents
from localcloud.storage.bucket_rules import is_name
from localcloud.storage.contents import Contents
from localcloud.storage.media import download, served_headers
from localcloud.storage.object_reads import Target
from localcloud.storage.objects import ObjectStore
from localcloud.storage.part_uploads import Part, PartUploads
from localcloud.storage.preconditions import Conditions
from localcloud.storage.records import Draft, ObjectVersion, check_object_name
from localcloud.storage.upload_methods import UploadMethods

_METHODS = {
    "GET": "storage.objects.get",
    "HEAD": "storage.objects.get",
    "PUT": "storage.objects.insert",
    "POST": "storage.objects.insert",
    "DELETE": "storage.objects.delete",
}
_OTHER_DOORS = frozenset({"storage", "upload", "download", "batch", "v1beta1"})
_METADATA = "x-goog-meta-"
_FIELDS = {
    "content-type": "contentType",
    "cache-control": "cacheControl",
    "content-disposition": "contentDisposition",
    "content-encoding": "contentEncoding",
    "content-language": "contentLanguage",
    "x-goog-custom-time": "customTime",
    "x-goog-storage-class": "storageClass",
}


def route(verb: str, raw_path: str) -> Route | None:
    """Resolve ``/BUCKET/OBJECT``, under the id of the JSON method that does the same."""
    bucket, slash, name = raw_path.lstrip("/").partition("/")
    if not slash or not name or bucket in _OTHER_DOORS or not is_name(bucket):
        return None
    if (method_id := _METHODS.get(verb)) is None:
        return None
    try:
        params = {"bucket": bucket, "object": unquote(name, errors="strict")}
    except UnicodeDecodeError:
        raise invalid_argument(f"{name!r} is not percent-encoded UTF-8.") from None
    return Route(method_id, params, "xml")


class XmlMethods:
    """Reads, writes and deletes objects; begins, fills and ends multipart uploads."""

    def __init__(
        self, objects: ObjectStore, contents: Contents, uploads: UploadMethods, parts: PartUploads
    ) -> None:
        self._objects = objects
        self._contents = contents
        self._uploads = uploads
        self._parts = parts

    def answer(self, call: Call) -> Reply:
        """Answer one request.

        Raises
        ------
        GoogleError
            400 or 403 for a signed URL that does not hold, and every failure of its method.
        """
        signed_urls.check(call)
        return self._handler(call)(call)

    def _handler(self, call: Call) -> Callable[[Call], Reply]:
        in_parts = "uploadId" in call.query
        if call.method in ("GET", "HEAD"):
            return self._list_parts if in_parts else self._get
        if call.method == "DELETE":
            return self._abort if in_parts else self._delete
        if call.method == "PUT":
            return self._put_part if in_parts else self._put
        if in_parts:
            return self._complete
        return self._begin_parts if "uploads" in call.query else self._begin_resumable

    def _get(self, call: Call) -> Reply:
        version = self._objects.get(_target(call))
        customer_keys.check(version, customer_keys.of_headers(call.headers))
        reply = download(version, self._contents, call.headers)
        metadata = version.fields.get("metadata", {})
        reply.headers |= {
            f"{_METADATA}{name}": str(value).encode().decode("latin-1")
            for name, value in metadata.items()
            if name.isascii() and str(value).isprintable()
        }
        return reply

    def _put(self, call: Call) -> Reply:
        if "x-goog-copy-source" in call.headers:
            raise GoogleError.of(501, "Copying by the XML API is not served; use rewrite.")
        target, key = _target(call), customer_keys.of_headers(call.headers)
        self._objects.check_target(target.bucket, target.name, target.conditions)
        blob = self._contents.put(call.payload.view)
        checksums.check(blob, {}, call.headers)
        draft = Draft(target.bucket, target.name, blob, _fields(call.headers), encryption=key)
        return _stored(self._objects.insert(draft, target.conditions))

    def _delete(self, call: Call) -> Reply:
        self._objects.delete(_target(call))
        return Reply(204)

    def _begin_resumable(self, call: Call) -> Reply:
        if call.headers.get("x-goog-resumable") != "start":
            raise invalid_argument(
                "A POST to an object needs ?uploads, ?uploadId or the header "
                "x-goog-resumable: start; form uploads are not served."
            )
        target = _target(call)
        reply = self._uploads.begin(call, target.bucket, target.name, _fields(call.headers))
        return replace(reply, status=201)

    def _begin_parts(self, call: Call) -> Reply:
        target = _target(call)
        check_object_name(target.name)
        fields = _fields(call.headers)
        fields["customerEncryption"] = customer_keys.of_headers(call.headers)
        upload_id = self._parts.begin(target.bucket, target.name, fields)
        return xml_documents.document(
            "InitiateMultipartUploadResult",
            (("Bucket", target.bucket), ("Key", target.name), ("UploadId", upload_id)),
        )

    def _put_part(self, call: Call) -> Reply:
        upload = self._upload(call)
        number = call.query.integer("partNumber") or 0
        if not 0 < number <= part_uploads.MAX_PARTS:
            raise invalid_argument(f"partNumber must be 1 to {part_uploads.MAX_PARTS}.")
        blob = self._parts.store(call.payload.view)
        checksums.check(blob, {}, call.headers)
        self._parts.put(upload, number, blob)
        etag = Part(number, blob.sha256, blob.size, blob.md5_b64, "").etag
        return Reply(200, b"", "text/html", {"etag": f'"{etag}"', **_hashes(blob)})

    def _list_parts(self, call: Call) -> Reply:
        upload = self._upload(call)
        fields = (("Bucket", upload.bucket), ("Key", upload.name), ("UploadId", upload.upload_id))
        return xml_documents.document(
            "ListPartsResult",
            (*fields, ("IsTruncated", "false")),
            parts=self._parts.parts(upload),
        )

    def _complete(self, call: Call) -> Reply:
        upload = self._upload(call)
        parts = _chosen(xml_documents.requested_parts(call.payload), self._parts.parts(upload))
        blob = self._contents.put_stream(self._parts.joined(parts))
        draft = Draft(
            upload.bucket,
            upload.name,
            # As of a composed object, there is no MD5 of an object joined from parts.
            replace(blob, md5_b64=""),
            upload.fields,
            encryption=upload.fields.get("customerEncryption"),
        )
        with self._objects.change() as tx:
            version = self._objects.insert_within(tx, draft, _target(call).conditions)
            self._parts.forget(upload)
        digest = hashlib.md5(usedforsecurity=False)
        for part in parts:
            digest.update(bytes.fromhex(part.etag))
        etag = f'"{digest.hexdigest()}-{len(parts)}"'
        reply = xml_documents.document(
            "CompleteMultipartUploadResult",
            (("Bucket", upload.bucket), ("Key", upload.name), ("ETag", etag)),
        )
        return replace(reply, headers=served_headers(version))

    def _abort(self, call: Call) -> Reply:
        self._parts.forget(self._upload(call))
        return Reply(204)

    def _upload(self, call: Call) -> part_uploads.PartUpload:
        target = _target(call)
        return self._parts.get(target.bucket, target.name, call.query.get("uploadId") or "")


def _target(call: Call) -> Target:
    return Target(
        call.params["bucket"],
        call.params["object"],
        call.query.integer("generation"),
        Conditions.of_headers(call.headers),
    )


def _fields(headers: Mapping[str, str]) -> dict[str, Any]:
    fields: dict[str, Any] = {
        field: _text(headers[name]) for name, field in _FIELDS.items() if name in headers
    }
    metadata = {
        name.removeprefix(_METADATA): _text(value)
        for name, value in headers.items()
        if name.startswith(_METADATA)
    }
    return {**fields, "metadata": metadata} if metadata else fields


def _text(value: str) -> str:
    """Read a header value as UTF-8, which is what clients mean by bytes beyond ASCII."""
    return value.encode("latin-1").decode("utf-8", errors="replace")


def _stored(version: ObjectVersion) -> Reply:
    return Reply(200, b"", "text/html", served_headers(version))


def _hashes(blob: Any) -> dict[str, str]:
    return {"x-goog-hash": f"crc32c={blob.crc32c_b64},md5={blob.md5_b64}"}


def _chosen(requested: list[tuple[int, str]], received: list[Part]) -> list[Part]:
    """Return the parts to join.

    Raises
    ------
    GoogleError
        400 when a part is unknown, changed, out of order, or too small not to be the last.
    """
    by_number = {part.number: part for part in received}
    numbers = [number for number, _ in requested]
    if not numbers or numbers != sorted(set(numbers)):
        raise GoogleError.of(400, "List each part once, in ascending order.", "InvalidPartOrder")
    for number, etag in requested:
        if number not in by_number or by_number[number].etag != etag:
            raise GoogleError.of(
                400, f"Part {number} was not received with that ETag; send it again.", "InvalidPart"
            )
    parts = [by_number[number] for number in numbers]
    if any(part.size < part_uploads.MIN_PART_BYTES for part in parts[:-1]):
        raise GoogleError.of(
            400,
            f"Every part but the last must have {part_uploads.MIN_PART_BYTES} bytes or more.",
            "EntityTooSmall",
        )
    return parts
