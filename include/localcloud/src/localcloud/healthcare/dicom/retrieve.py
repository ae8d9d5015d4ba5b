"""The Retrieve transaction: instances, metadata, rendered frames, bulk data.

Source: https://cloud.google.com/healthcare-api/docs/dicom#retrieve_transaction and
DICOM PS3.18 section 10.4
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

from pydicom.uid import ExplicitVRLittleEndian

from localcloud.errors import GoogleError
from localcloud.healthcare.dicom import multipart, xml
from localcloud.healthcare.dicom.frames import frame_parts
from localcloud.healthcare.dicom.header import BULKDATA_MARK
from localcloud.healthcare.dicom.index import Index, Instance
from localcloud.healthcare.dicom.media_types import choose, not_acceptable, parse_accept
from localcloud.healthcare.dicom.pixels import FrameSource, bulk_value, reading_pixels
from localcloud.healthcare.dicom.transcode import TARGETS, check_convertible, transcode
from localcloud.healthcare.dicom.viewport import encode_picture
from localcloud.http.call import Call, Reply
from localcloud.state.blobs import Blobs

_DICOM = "application/dicom"
_DICOM_JSON, _JSON = "application/dicom+json", "application/json"
_OCTETS = "application/octet-stream"
_AS_STORED = "*"
_PICTURES = ("image/jpeg", "image/png")


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
            406 when no accepted media type is served, 400 when an instance cannot be transcoded
            to an accepted transfer syntax.
        """
        refusal = not_acceptable(
            'accept multipart/related; type="application/dicom" with transfer-syntax=*, or a'
            " transfer syntax that files can be transcoded to"
        )
        for entry in parse_accept(call.headers.get("accept", "")):
            is_bare = single and entry.name == _DICOM
            if not entry.covers(_DICOM) or (entry.name == _DICOM and not single):
                continue
            wanted = entry.transfer_syntax or ExplicitVRLittleEndian
            if wanted != _AS_STORED and wanted not in TARGETS:
                continue
            try:
                self._check(found, wanted)
                return self._files(found, wanted, is_bare)
            except GoogleError as error:
                refusal = error
        raise refusal

    def _check(self, found: Sequence[Instance], wanted: str) -> None:
        others = [instance for instance in found if not _is_as_stored(instance, wanted)]
        texts = self._index.headers([instance.id for instance in others])
        for instance, text in zip(others, texts, strict=False):
            check_convertible(json.loads(text), instance, wanted)

    def _files(self, found: Sequence[Instance], wanted: str, is_bare: bool) -> Reply:
        parts = [self._part(instance, wanted) for instance in found[:1]]
        rest = (self._part(instance, wanted) for instance in found[1:])
        # The first file is made before the answer begins, so that a damaged one is a clean error.
        content = _begun(parts[0].content)
        if is_bare:
            return Reply(200, content, parts[0].content_type)
        first = multipart.Outgoing(parts[0].content_type, content)
        size_bytes = None
        if all(_is_as_stored(instance, wanted) for instance in found):
            sizes = [(_dicom_type(i, wanted), i.size_bytes) for i in found]
            size_bytes = multipart.size_bytes(sizes)
        return multipart.reply(_DICOM, _chained(first, rest), size_bytes)

    def _part(self, instance: Instance, wanted: str) -> multipart.Outgoing:
        return multipart.Outgoing(_dicom_type(instance, wanted), self._pieces(instance, wanted))

    def _pieces(self, instance: Instance, wanted: str) -> Iterator[bytes]:
        if _is_as_stored(instance, wanted):
            yield from self._blobs.chunks(instance.sha256, 0, instance.size_bytes)
            return
        with reading_pixels():
            file = transcode(self._blobs.read(instance.sha256), wanted)
        yield file

    def metadata(self, call: Call, found: Sequence[Instance], dicom_web_url: str) -> Reply:
        """Answer with headers; a large or binary value is a BulkDataURI below its instance."""
        kind = choose(call.headers.get("accept", ""), (_DICOM_JSON, _JSON, xml.CONTENT_TYPE))
        texts = self._index.headers([instance.id for instance in found])
        headers = [
            text.replace(BULKDATA_MARK, f'"BulkDataURI":"{dicom_web_url}/{instance.path}/bulkdata/')
            for instance, text in zip(found, texts, strict=False)
        ]
        if kind == xml.CONTENT_TYPE:
            models = (xml.native_model(json.loads(header)) for header in headers)
            parts = (multipart.Outgoing(xml.CONTENT_TYPE, [model]) for model in models)
            return multipart.reply(xml.CONTENT_TYPE, parts)
        return Reply(200, f"[{','.join(headers)}]".encode(), _DICOM_JSON)

    def frames(self, call: Call, instance: Instance, numbers: Sequence[int]) -> Reply:
        """Answer with frames, multipart even for one.

        Raises
        ------
        GoogleError
            404 for a frame that the instance does not have, 400 and 406 as for instances.
        """
        with reading_pixels():
            source = FrameSource.open(self._blobs.read(instance.sha256))
        source.check(numbers)
        kind, parts = frame_parts(source, numbers, call.headers.get("accept", ""))
        return multipart.reply(kind, parts)

    def rendered(self, call: Call, instance: Instance, number: int) -> Reply:
        """Answer with a frame as a JPEG or PNG picture."""
        kind = choose(call.headers.get("accept", ""), _PICTURES)
        with reading_pixels():
            source = FrameSource.open(self._blobs.read(instance.sha256))
            source.check([number])
            picture = source.picture(number)
        return Reply(200, encode_picture(picture, kind, call.query.get("viewport") or ""), kind)

    def bulk_data(self, call: Call, instance: Instance, path: Sequence[str]) -> Reply:
        """Answer with one element's value as it is stored, multipart unless asked for bare.

        Parameters
        ----------
        path
            Group, element, and for each sequence on the way the item before the next pair.
        """
        for entry in parse_accept(call.headers.get("accept", "")):
            if entry.covers(_OCTETS) and entry.transfer_syntax in ("", _AS_STORED):
                break
        else:
            raise not_acceptable(f"accept {_OCTETS} with transfer-syntax=*")
        with reading_pixels():
            content = bulk_value(self._blobs.read(instance.sha256), path)
        if entry.name == _OCTETS:
            return Reply(200, content, _OCTETS)
        return multipart.reply(_OCTETS, [multipart.Outgoing(_OCTETS, [content])])


def _is_as_stored(instance: Instance, wanted: str) -> bool:
    return wanted in (_AS_STORED, instance.transfer_syntax)


def _dicom_type(instance: Instance, wanted: str) -> str:
    syntax = instance.transfer_syntax if wanted == _AS_STORED else wanted
    return f"{_DICOM}; transfer-syntax={syntax}"


def _begun(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Return the same pieces, of which the first is made already."""
    iterator = iter(pieces)
    first = next(iterator, b"")

    def resumed() -> Iterator[bytes]:
        yield first
        yield from iterator

    return resumed()


def _chained(
    first: multipart.Outgoing, rest: Iterable[multipart.Outgoing]
) -> Iterator[multipart.Outgoing]:
    yield first
    yield from rest
