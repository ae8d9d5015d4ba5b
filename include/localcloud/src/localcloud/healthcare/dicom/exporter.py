"""dicomStores:export: instances become objects of Cloud Storage, in the background.

Source: https://cloud.google.com/healthcare-api/docs/reference/rest/v1/projects.locations.datasets.dicomStores/export
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pydicom.uid import ExplicitVRLittleEndian

from localcloud.errors import GoogleError
from localcloud.healthcare.dicom.index import Index, Instance, Scope
from localcloud.healthcare.dicom.media_types import MediaType
from localcloud.healthcare.dicom.pixels import FrameSource, reading_pixels
from localcloud.healthcare.dicom.resource_paths import each_instance
from localcloud.healthcare.dicom.transcode import TARGETS, transcode
from localcloud.healthcare.dicom.viewport import encode_picture
from localcloud.healthcare.operations import UNKNOWN, OperationFailed, Progress
from localcloud.healthcare.resources import Json, invalid
from localcloud.objects import CloudObjects
from localcloud.state.blobs import Blobs

EXPORT_RESPONSE = {
    "@type": "type.googleapis.com/google.cloud.healthcare.v1.dicom.ExportDicomDataResponse"
}
_PROGRESS_INSTANCES = 16
_AS_STORED = "*"
_DICOM = "application/dicom"
_OCTETS = "application/octet-stream"
_EXTENSIONS = {_DICOM: ".dcm", _OCTETS: "", "image/jpeg": ".jpg", "image/png": ".png"}

# Which transfer syntaxes a type may name; the second is meant when none is named. To some of those
# of application/dicom only Google converts: here a file is exported so if it is stored so.
_SYNTAXES = {
    _DICOM: (
        r"\*|1\.2\.840\.10008\.1\.2"
        r"(\.1|\.1\.99|\.4\.(50|51|57|70|80|81|90|91|11[0-2]|20[1-3])|\.5|\.8\.1)?",
        _AS_STORED,
    ),
    _OCTETS: (r"\*|1\.2\.840\.10008\.1\.2\.1", ExplicitVRLittleEndian),
    "image/jpeg": (r"1\.2\.840\.10008\.1\.2\.4\.50", "1.2.840.10008.1.2.4.50"),
    "image/png": ("", ""),
}
_PREFIX = re.compile(r"gs://([^/*?]+)(?:/(.*))?", re.DOTALL)


@dataclass(frozen=True)
class Destination:
    """Where an export goes and in which form.

    Parameters
    ----------
    prefix
        Begins each object's name; empty, or ending in a slash.
    """

    bucket: str
    prefix: str
    media_type: str
    transfer_syntax: str

    @classmethod
    def parse(cls, gcs_destination: Json) -> Destination:
        """Read a request's ``gcsDestination``.

        Raises
        ------
        GoogleError
            400 for a prefix, MIME type or transfer syntax that the API does not know.
        """
        match = _PREFIX.fullmatch(gcs_destination.get("uriPrefix") or "")
        if match is None:
            raise invalid("invalid gcs_destination.uri_prefix: want gs://BUCKET[/FOLDER]")
        folder = (match[2] or "").rstrip("/")
        mime_type = gcs_destination.get("mimeType") or _DICOM
        parsed = MediaType.parse(mime_type)
        expression, default = _SYNTAXES.get(parsed.name, (None, ""))
        syntax = parsed.transfer_syntax or default
        if expression is None or not re.fullmatch(expression, syntax):
            raise invalid(
                f"invalid gcs_destination.mime_type {mime_type!r}: want one of"
                f" {', '.join(_SYNTAXES)} with a transfer-syntax that retrieving has too"
            )
        return cls(match[1], f"{folder}/" if folder else "", parsed.name, syntax)

    def files(self, instance: Instance, stored: bytes) -> Iterator[tuple[str, bytes]]:
        """Iterate over the objects that an instance becomes: name and content.

        Raises
        ------
        GoogleError
            When the instance has no pixels, or none that can be decoded.
        """
        name = f"{self.prefix}{instance.study}/{instance.series}/{instance.instance}"
        extension = _EXTENSIONS[self.media_type]
        if self.media_type == _DICOM:
            yield f"{name}{extension}", self._file(instance, stored)
            return
        with reading_pixels():
            source = FrameSource.open(stored)
            for number in range(1, source.count + 1):
                path = f"{name}/{number}" if source.count > 1 else name
                yield f"{path}{extension}", self._frame(source, number)

    def _file(self, instance: Instance, stored: bytes) -> bytes:
        if self.transfer_syntax in (_AS_STORED, instance.transfer_syntax):
            return stored
        if self.transfer_syntax not in TARGETS:
            raise GoogleError.of(501, f"cannot encode {self.transfer_syntax}")
        with reading_pixels():
            return transcode(stored, self.transfer_syntax)

    def _frame(self, source: FrameSource, number: int) -> bytes:
        if self.media_type != _OCTETS:
            return encode_picture(source.picture(number), self.media_type, "")
        wanted = source.stored if self.transfer_syntax == _AS_STORED else source.native
        return wanted(number)


@dataclass(frozen=True)
class Export:
    """The work of one export operation; one instance is in memory at a time."""

    store: str
    destination: Destination
    index: Index
    blobs: Blobs
    objects: CloudObjects

    def run(self, progress: Progress) -> Json:
        """Write every instance of the store.

        Raises
        ------
        OperationFailed
            When somebody cancels, or an instance has no such form; the others are written.
        GoogleError
            404 when the bucket does not exist.
        """
        scope = Scope(self.store)
        progress.pending = self.index.metrics(scope)["instances"]
        progress.save()
        # A bucket that is not there is the operation's failure and not that of each instance.
        self.objects.list(self.destination.bucket, f"{self.destination.prefix}\0")
        for number, instance in enumerate(each_instance(self.index, [scope])):
            if number % _PROGRESS_INSTANCES == 0:
                progress.checkpoint()
            progress.pending -= 1
            try:
                self._write(instance)
            except GoogleError:
                progress.failure += 1
            else:
                progress.success += 1
        if progress.failure:
            message = (
                f"{progress.failure} instances could not be exported as"
                f" {self.destination.media_type}; {progress.success} were exported"
            )
            raise OperationFailed(UNKNOWN, message)
        return EXPORT_RESPONSE

    def _write(self, instance: Instance) -> None:
        stored = self.blobs.read(instance.sha256)
        media_type = self.destination.media_type
        for name, content in self.destination.files(instance, stored):
            self.objects.write(self.destination.bucket, name, content, media_type)
