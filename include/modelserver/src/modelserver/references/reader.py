"""An instance's reference or bytes, turned into the volume or the picture that a model takes."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass

from modelserver.errors import InstanceError
from modelserver.imaging.picture import Picture, picture_of
from modelserver.imaging.slices import Slice, read_slices
from modelserver.imaging.volume import Volume, assemble
from modelserver.references.fetching import Fetcher
from modelserver.references.locations import dicomweb_location, storage_url
from modelserver.references.multipart import parts
from modelserver.settings import Settings

_OBJECT = "application/dicom; transfer-syntax=*"
_SERIES = 'multipart/related; type="application/dicom"; transfer-syntax=*'
_OBJECT_BYTES = 512 << 20


@dataclass(frozen=True)
class Instance:
    """One instance of a request: exactly one of its first three fields is set.

    ``instance_uids`` are the SOPInstanceUIDs that count, of a series; None: all.
    """

    input_bytes: str | None
    dicomweb_uri: str | None
    gcs_uri: str | None
    bearer_token: str | None
    instance_uids: frozenset[str] | None = None


class Reader:
    """Reads inputs; shared by threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._fetcher = Fetcher(settings.limits)

    def close(self) -> None:
        self._fetcher.close()

    def volume(self, instance: Instance, modalities: tuple[str, ...]) -> Volume:
        """Read a series with one request, keeping 16 bits a voxel and one file at a time.

        Raises
        ------
        InstanceError
            What is wrong with the input.
        """
        if instance.dicomweb_uri is None:
            raise InstanceError("UNSUPPORTED_INPUT", "the model takes a series as dicomweb_uri.")
        location = dicomweb_location(instance.dicomweb_uri, self._settings.hosts)
        if not location.is_series:
            raise InstanceError("UNSUPPORTED_INPUT", "the model takes a series, not one instance.")
        return assemble(
            self._slices(location.url, instance, modalities),
            self._settings.limits.voxels,
        )

    def picture(self, instance: Instance, modalities: tuple[str, ...]) -> Picture:
        """Read one image.

        Raises
        ------
        InstanceError
            What is wrong with the input.
        """
        blob, frame_number = self._blob(instance)
        return picture_of(blob, frame_number, modalities, self._settings.limits.pixels)

    def _slices(self, url: str, instance: Instance, modalities: tuple[str, ...]) -> Iterator[Slice]:
        with self._fetcher.open(url, instance.bearer_token, _SERIES) as content:
            for blob in parts(content.content_type, content.chunks):
                yield from read_slices(blob, modalities, instance.instance_uids)

    def _blob(self, instance: Instance) -> tuple[bytes, int]:
        token = instance.bearer_token
        if instance.input_bytes is not None:
            return _decoded(instance.input_bytes), 1
        if instance.gcs_uri is not None:
            settings = self._settings
            url = storage_url(instance.gcs_uri, settings.storage, settings.hosts)
            return self._fetcher.read(url, token, "*/*", _OBJECT_BYTES), 1
        location = dicomweb_location(instance.dicomweb_uri or "", self._settings.hosts)
        if location.is_series:
            raise InstanceError("UNSUPPORTED_INPUT", "the model takes one instance, not a series.")
        return self._fetcher.read(location.url, token, _OBJECT, _OBJECT_BYTES), (
            location.frame_number
        )


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InstanceError("IMAGE_INVALID", "input_bytes is not base64.") from None
