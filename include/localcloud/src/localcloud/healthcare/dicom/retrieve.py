"""The Retrieve transaction: instances, metadata, frames, rendered frames, bulk data.

Source: https://cloud.google.com/healthcare-api/docs/dicom#retrieve_transaction and
DICOM PS3.18 section 10.4
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

from pydicom.uid import ExplicitVRLittleEndian

from localcloud.healthcare.dicom import multipart, xml
from localcloud.healthcare.dicom.codecs import DECODABLE
from localcloud.healthcare.dicom.encoders import ENCODABLE
from localcloud.healthcare.dicom.header import BULKDATA_MARK
from localcloud.healthcare.dicom.index import Index, Instance
from localcloud.healthcare.dicom.media_types import MediaType, not_acceptable, parse_accept
from localcloud.healthcare.dicom.pixels import (
    FrameSource,
    bulk_value,
    reading_pixels,
    transcode,
)
from localcloud.healthcare.dicom.viewport import encode_picture
from localcloud.http.call import Call, Reply
from localcloud.state.blobs import Blobs

_DICOM = "application/dicom"
_DICOM_JSON = "application/dicom+json"
_OCTETS = "application/octet-stream"
_AS_STORED = "*"
_TARGETS = frozenset({ExplicitVRLittleEndian, *ENCODABLE})
_JSON_NAMES = frozenset({"*/*", "application/*", "application/json", _DICOM_JSON})
_PICTURES = {"*/*": "image/jpeg", "image/*": "image/jpeg"} | {
    name: name for name in ("image/jpeg", "image/png")
}

# What the frames of a compressed transfer syntax are, as media types (PS3.18 table 8.7.3-5).
_FRAME_TYPES = {
    "1.2.840.10008.1.2.5": "image/dicom-rle",
    **{f"1.2.840.10008.1.2.4.{n}": "image/jpeg" for n in (50, 51, 57, 70)},
    **{f"1.2.840.10008.1.2.4.{n}": "image/jls" for n in (80, 81)},
    **{f"1.2.840.10008.1.2.4.{n}": "image/jp2" for n in (90, 91)},
    **{f"1.2.840.10008.1.2.4.{n}": "image/jxl" for n in (110, 111, 112)},
    **{f"1.2.840.10008.1.2.4.{n}": "image/jphc" for n in (201, 202, 203)},
}


class Retriever:
    """Turns stored instances into replies."""

    def __init__(self, index: Index, blobs: Blobs) -> None:
        self._index = index
        self._blobs = blobs

    def instances(self, call: Call, found: Sequence[Instance], single: bool) -> Reply:
        """Answer with files, streamed; as multipart, or for one instance also bare.

        Raises
        ------
        GoogleError
            406 when no accepted media type and transfer syntax can be had of every instance.
        """
        for entry in parse_accept(call.headers.get("accept", "")):
            bare = single and entry.name == _DICOM
            if entry.payload not in (_DICOM, "*/*", "application/*") or (
                entry.name == _DICOM and not bare
            ):
                continue
            wanted = entry.transfer_syntax or ExplicitVRLittleEndian
            if all(_available(instance, wanted) for instance in found):
                return self._files(found, wanted, bare)
        raise not_acceptable(
            'accept multipart/related; type="application/dicom" with transfer-syntax=*, or'
            f" {ExplicitVRLittleEndian} where the stored files can be decoded"
        )

    def _files(self, found: Sequence[Instance], wanted: str, bare: bool) -> Reply:
        if len(found) == 1:
            # One file is made before the answer begins, so that a damaged one is a clean error.
            pieces: Iterable[bytes] = list(self._pieces(found[0], wanted))
            contents = iter([pieces])
        else:
            contents = (self._pieces(instance, wanted) for instance in found)
        types = (_dicom_type(instance, wanted) for instance in found)
        if bare:
            return Reply(200, next(contents), next(types))
        return multipart.reply(_DICOM, zip(types, contents, strict=True))

    def _pieces(self, instance: Instance, wanted: str) -> Iterator[bytes]:
        if wanted in (_AS_STORED, instance.transfer_syntax):
            yield from self._blobs.chunks(instance.sha256, 0, instance.size_bytes)
        else:
            with reading_pixels():
                yield transcode(self._blobs.read(instance.sha256), wanted)

    def metadata(self, call: Call, found: Sequence[Instance], dicom_web_url: str) -> Reply:
        """Answer with headers; a large or binary value is a BulkDataURI below its instance."""
        texts = self._index.headers([instance.id for instance in found])
        headers = [
            text.replace(BULKDATA_MARK, f'"BulkDataURI":"{dicom_web_url}/{instance.path}/bulkdata/')
            for instance, text in zip(found, texts, strict=False)
        ]
        for entry in parse_accept(call.headers.get("accept", "")):
            if entry.name in _JSON_NAMES:
                return Reply(200, f"[{','.join(headers)}]".encode(), _DICOM_JSON)
            if entry.payload == xml.CONTENT_TYPE:
                parts = ([xml.native_model(json.loads(header))] for header in headers)
                typed = ((xml.CONTENT_TYPE, part) for part in parts)
                return multipart.reply(xml.CONTENT_TYPE, typed)
        raise not_acceptable(f"accept {_DICOM_JSON}")

    def frames(self, call: Call, instance: Instance, numbers: Sequence[int]) -> Reply:
        """Answer with frames, multipart even for one.

        Raises
        ------
        GoogleError
            404 for a frame that the instance does not have, 406 as for instances.
        """
        with reading_pixels():
            source = FrameSource.open(self._blobs.read(instance.sha256))
            source.check(numbers)
            for entry in parse_accept(call.headers.get("accept", "")):
                part_type = _frame_type(entry, source)
                if part_type == _OCTETS:
                    frames = [source.native(number) for number in numbers]
                elif part_type:
                    frames = [source.stored(number) for number in numbers]
                else:
                    continue
                kind = part_type.partition(";")[0]
                return multipart.reply(kind, ((part_type, [frame]) for frame in frames))
        raise not_acceptable(f"accept {_OCTETS}, or transfer-syntax=* for frames as stored")

    def rendered(self, call: Call, instance: Instance, number: int) -> Reply:
        """Answer with a frame as a JPEG or PNG picture."""
        accepted = parse_accept(call.headers.get("accept", ""))
        kind = next((_PICTURES[e.name] for e in accepted if e.name in _PICTURES), None)
        if kind is None:
            raise not_acceptable("accept image/jpeg or image/png")
        with reading_pixels():
            source = FrameSource.open(self._blobs.read(instance.sha256))
            source.check([number])
            picture = source.picture(number)
        return Reply(200, encode_picture(picture, kind, call.query.get("viewport") or ""), kind)

    def bulk_data(self, call: Call, instance: Instance, path: Sequence[str]) -> Reply:
        """Answer with one element's value, pixel data decoded.

        Parameters
        ----------
        path
            Group, element, and for each sequence on the way the item before the next pair.
        """
        with reading_pixels():
            content = bulk_value(self._blobs.read(instance.sha256), path)
        accepted = parse_accept(call.headers.get("accept", ""))
        if any(entry.name == "multipart/related" for entry in accepted):
            return multipart.reply(_OCTETS, [(_OCTETS, [content])])
        return Reply(200, content, _OCTETS)


def _available(instance: Instance, wanted: str) -> bool:
    if wanted in (_AS_STORED, instance.transfer_syntax):
        return True
    return wanted in _TARGETS and instance.transfer_syntax in DECODABLE


def _dicom_type(instance: Instance, wanted: str) -> str:
    syntax = instance.transfer_syntax if wanted == _AS_STORED else wanted
    return f"{_DICOM}; transfer-syntax={syntax}"


def _frame_type(entry: MediaType, source: FrameSource) -> str:
    """Return the part type that satisfies an Accept entry, empty when none does."""
    stored_type = _FRAME_TYPES.get(source.transfer_syntax, _OCTETS)
    as_stored = f"{stored_type}; transfer-syntax={source.transfer_syntax}"
    wanted = entry.transfer_syntax
    if entry.payload in (_OCTETS, "*/*", "application/*"):
        if wanted in ("", ExplicitVRLittleEndian):
            return _OCTETS if source.transfer_syntax in DECODABLE else ""
        return as_stored if wanted in (_AS_STORED, source.transfer_syntax) else ""
    if entry.payload == stored_type and wanted in ("", _AS_STORED, source.transfer_syntax):
        return as_stored
    return ""
