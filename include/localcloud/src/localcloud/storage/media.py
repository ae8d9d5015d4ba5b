"""Object data on its way out: ranges, headers, transcoding.

Source: https://cloud.google.com/storage/docs/json_api/v1/objects/get and RFC 9110 section 14
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from email.utils import format_datetime
from urllib.parse import quote

from localcloud.http.call import Reply
from localcloud.storage.contents import Contents
from localcloud.storage.records import ObjectVersion

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
# Smaller answers are sent in one piece: streaming costs a thread switch for each chunk.
_STREAM_ABOVE_BYTES = 4 << 20
_UNPACKED_CHUNK_BYTES = 1 << 20
_GZIP = 16 + zlib.MAX_WBITS
_GZIP_MAGIC = b"\x1f\x8b"


def download(version: ObjectVersion, contents: Contents, headers: Mapping[str, str]) -> Reply:
    """Answer an object's data, or the range of it that was asked for."""
    answer = served_headers(version)
    content_type = version.fields["contentType"]
    if _must_decompress(version, headers):
        # Source: https://cloud.google.com/storage/docs/transcoding#decompressive_transcoding
        del answer["content-encoding"]
        answer["warning"] = "214 UploadServer gunzipped"
        return Reply(200, _gunzipped(version, contents), content_type, answer)
    span = _span(headers.get("range", ""), version.size)
    if span is None:
        return _answer(200, version, contents, answer, (0, version.size))
    start, end = span
    if start >= end:
        answer["content-range"] = f"bytes */{version.size}"
        return Reply(416, b"", "text/html", answer)
    answer["content-range"] = f"bytes {start}-{end - 1}/{version.size}"
    return _answer(206, version, contents, answer, span)


def _answer(
    status: int,
    version: ObjectVersion,
    contents: Contents,
    headers: dict[str, str],
    span: tuple[int, int],
) -> Reply:
    start, end = span
    content_type = version.fields["contentType"]
    if end - start <= _STREAM_ABOVE_BYTES:
        return Reply(status, contents.read(version.sha256, start, end), content_type, headers)
    headers["content-length"] = str(end - start)
    return Reply(status, contents.chunks(version.sha256, start, end), content_type, headers)


def _gunzipped(version: ObjectVersion, contents: Contents) -> Iterator[bytes]:
    """Unpack in pieces of bounded size, however far the content unfolds.

    Content that only claims to be gzip is sent as it is.
    """
    if contents.read(version.sha256, 0, len(_GZIP_MAGIC)) != _GZIP_MAGIC:
        yield from contents.chunks(version.sha256, 0, version.size)
        return
    unpacker = zlib.decompressobj(_GZIP)
    for chunk in contents.chunks(version.sha256, 0, version.size):
        packed = chunk
        while packed:
            yield unpacker.decompress(packed, _UNPACKED_CHUNK_BYTES)
            packed = unpacker.unconsumed_tail
            if unpacker.eof:
                # Another member may follow, or padding.
                packed, unpacker = unpacker.unused_data.lstrip(b"\0"), zlib.decompressobj(_GZIP)
    yield unpacker.flush()


def _span(header: str, size: int) -> tuple[int, int] | None:
    """Return the range asked for as (start, end); empty when it cannot be satisfied."""
    match = _RANGE.fullmatch(header.strip())
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        return max(0, size - int(last)), size
    if last and int(last) < int(first):
        return None
    return int(first), min(int(last) + 1 if last else size, size)


def served_headers(version: ObjectVersion) -> dict[str, str]:
    """Return the headers that tell of a version."""
    fields = version.fields
    hashes = [f"crc32c={fields['crc32c']}"]
    if "md5Hash" in fields:
        hashes.append(f"md5={fields['md5Hash']}")
    headers = {
        "accept-ranges": "bytes",
        "cache-control": fields.get("cacheControl", "no-cache, no-store, max-age=0"),
        "etag": version.etag,
        "last-modified": format_datetime(
            datetime.fromisoformat(fields["timeCreated"]), usegmt=True
        ),
        "x-goog-generation": str(version.generation),
        "x-goog-metageneration": str(version.metageneration),
        "x-goog-hash": ",".join(hashes),
        "x-goog-storage-class": fields["storageClass"],
        "x-goog-stored-content-encoding": fields.get("contentEncoding", "identity"),
        "x-goog-stored-content-length": str(version.size),
    }
    for name, field in (
        ("content-encoding", "contentEncoding"),
        ("content-disposition", "contentDisposition"),
        ("content-language", "contentLanguage"),
    ):
        if field in fields:
            # A header cannot carry every character that a JSON field can.
            headers[name] = quote(fields[field], safe=" !#$&'()*+,/:;=?@[]\"-._~%")
    return headers


def _must_decompress(version: ObjectVersion, headers: Mapping[str, str]) -> bool:
    return (
        version.fields.get("contentEncoding") == "gzip"
        and "gzip" not in headers.get("accept-encoding", "")
        and "no-transform" not in version.fields.get("cacheControl", "")
    )
