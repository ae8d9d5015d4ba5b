"""DICOMweb of a Cloud Healthcare DICOM store: QIDO-RS, WADO-RS and STOW-RS (PS3.18)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from wetread.core.errors import problem
from wetread.gcp.http import HttpApi, json_body
from wetread.gcp.multipart import joined, parts, parts_with_headers
from wetread.gcp.retries import BROKEN_TRANSFER
from wetread.gcp.store_transaction import NotStored, not_stored

SOP_INSTANCE_UID = "00080018"
"""The tag of SOPInstanceUID, as DICOM JSON writes it."""

_PAGE = 5000
"""Instances per QIDO page; the service cuts longer answers silently, so read until a short page."""

_MISSING = (403, 404)
"""The service answers either for what does not exist (Cloud Healthcare API, "DICOM")."""

_REFUSED = (400, 409)
"""STOW-RS answers 409 for an instance it does not store, and 400 for a syntax it does not know."""

_NOT_TRANSCODED = (400, 406, *_MISSING)
"""The service answers 400 or 406 for an instance that it cannot decode either."""

_AS_STORED = "application/dicom; transfer-syntax=*"
_UNCOMPRESSED = "application/dicom; transfer-syntax=1.2.840.10008.1.2.1"
_ALL_AS_STORED = 'multipart/related; type="application/dicom"; transfer-syntax=*'

_FRAMES_AS_STORED = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'

_STORE = "healthcare.dicomStores.studies.storeInstances"

_CHUNK_BYTES = 2**20


class DicomWebClient:
    """One DICOM store; ``subject`` names the study by its key in errors."""

    def __init__(self, api: HttpApi, dicom_store: str) -> None:
        self._api = api
        self._base = f"{dicom_store}/dicomWeb"

    @property
    def url(self) -> str:
        """The store's address, for those that read it themselves."""
        return self._api.url(self._base)

    def instance_uids(self, study_instance_uid: str, subject: str) -> frozenset[str]:
        """Return the SOPInstanceUIDs that the store lists for a study; empty when it has none."""
        call = "healthcare.dicomStores.studies.searchForInstances"
        found: set[str] = set()
        while True:
            response = self._api.send(
                "GET",
                f"{self._base}/studies/{study_instance_uid}/instances",
                params={"limit": str(_PAGE), "offset": str(len(found))},
                headers={"Accept": "application/dicom+json"},
                call=call,
                subject=subject,
                accept_status=(200, 204, *_MISSING),
            )
            page = json_body(response, call, subject) if response.status_code == 200 else []
            found.update(uid for item in page for uid in values(item, SOP_INSTANCE_UID))
            if len(page) < _PAGE:
                return frozenset(found)

    def study_metadata(self, study_instance_uid: str, subject: str) -> list[dict[str, Any]]:
        """Return the DICOM JSON of every instance of a study; empty when the store has none."""
        return self._metadata(f"studies/{study_instance_uid}", "studies", subject)

    def series_metadata(
        self, study_instance_uid: str, series_instance_uid: str, subject: str
    ) -> list[dict[str, Any]]:
        """Return the DICOM JSON of every instance of a series."""
        path = f"studies/{study_instance_uid}/series/{series_instance_uid}"
        return self._metadata(path, "studies.series", subject)

    def instance_metadata(
        self,
        study_instance_uid: str,
        series_instance_uid: str,
        sop_instance_uid: str,
        subject: str,
    ) -> dict[str, Any] | None:
        """Return the DICOM JSON of an instance, or nothing when the store does not hold it."""
        path = f"studies/{study_instance_uid}/series/{series_instance_uid}"
        found = self._metadata(
            f"{path}/instances/{sop_instance_uid}", "studies.series.instances", subject
        )
        return next(iter(found), None)

    def _metadata(self, path: str, resource: str, subject: str) -> list[dict[str, Any]]:
        call = f"healthcare.dicomStores.{resource}.retrieveMetadata"
        response = self._api.send(
            "GET",
            f"{self._base}/{path}/metadata",
            headers={"Accept": "application/dicom+json"},
            call=call,
            subject=subject,
            accept_status=(200, 204, *_MISSING),
        )
        return list(json_body(response, call, subject)) if response.status_code == 200 else []

    def retrieve_instance(
        self,
        study_instance_uid: str,
        series_instance_uid: str,
        sop_instance_uid: str,
        subject: str,
    ) -> bytes:
        """Return an instance's Part 10 file in the transfer syntax it was stored in.

        Raises
        ------
        PermanentError
            ``not-found``.
        """
        blob = self.find_instance(
            study_instance_uid, series_instance_uid, sop_instance_uid, subject
        )
        if blob is None:
            raise problem("not-found", f"the DICOM store does not hold an instance of {subject}.")
        return blob

    def stream_series(
        self, study_instance_uid: str, series_instance_uid: str, subject: str
    ) -> Iterator[bytes]:
        """Yield the Part 10 files of a series as they arrive, in the store's order.

        One request for all of them. A connection that breaks ends the iteration early: whoever
        needs every instance asks for the missing ones.
        """
        call = "healthcare.dicomStores.studies.series.retrieveSeries"
        response = self._api.send(
            "GET",
            f"{self._base}/studies/{study_instance_uid}/series/{series_instance_uid}",
            headers={"Accept": _ALL_AS_STORED},
            call=call,
            subject=subject,
            accept_status=(200, *_MISSING),
            stream=True,
        )
        with response:
            if response.status_code != 200:
                return
            content_type = response.headers.get("Content-Type", "")
            with suppress(*BROKEN_TRANSFER):
                yield from parts(content_type, response.iter_content(_CHUNK_BYTES))

    def find_instance(
        self,
        study_instance_uid: str,
        series_instance_uid: str,
        sop_instance_uid: str,
        subject: str,
    ) -> bytes | None:
        """Return an instance as it was stored, or nothing when the store does not hold it."""
        path = f"studies/{study_instance_uid}/series/{series_instance_uid}"
        return self._instance(f"{path}/instances/{sop_instance_uid}", _AS_STORED, _MISSING, subject)

    def retrieve_transcoded(
        self,
        study_instance_uid: str,
        series_instance_uid: str,
        sop_instance_uid: str,
        subject: str,
    ) -> bytes | None:
        """Return an instance decoded by the store, in Explicit VR Little Endian.

        The store decodes transfer syntaxes that nothing here does, such as JPEG XL and JPEG of 12
        bits; nothing comes back for what it cannot decode either.
        Source: https://cloud.google.com/healthcare-api/docs/dicom#supported_transfer_syntaxes_for_transcoding
        """
        path = f"studies/{study_instance_uid}/series/{series_instance_uid}"
        return self._instance(
            f"{path}/instances/{sop_instance_uid}", _UNCOMPRESSED, _NOT_TRANSCODED, subject
        )

    def _instance(
        self, path: str, media_type: str, absent: tuple[int, ...], subject: str
    ) -> bytes | None:
        response = self._api.send(
            "GET",
            f"{self._base}/{path}",
            headers={"Accept": media_type},
            call="healthcare.dicomStores.studies.series.instances.retrieveInstance",
            subject=subject,
            accept_status=(200, *absent),
        )
        return response.content if response.status_code == 200 else None

    def retrieve_frames(
        self,
        study_instance_uid: str,
        series_instance_uid: str,
        sop_instance_uid: str,
        frame_numbers: Sequence[int],
        subject: str,
    ) -> tuple[str, list[bytes]] | None:
        """Return the bytes of some frames as stored, in the order asked for, and their syntax.

        The transfer syntax is empty where the service does not name it. Nothing comes back where
        the service does not give single frames of the instance, or not all of them: whoever needs
        them asks for the whole instance, and learns there what is the matter.
        Source: https://cloud.google.com/healthcare-api/docs/dicom#dicom_frames
        """
        response = self._api.send(
            "GET",
            f"{self._base}/studies/{study_instance_uid}/series/{series_instance_uid}"
            f"/instances/{sop_instance_uid}/frames/{','.join(map(str, frame_numbers))}",
            headers={"Accept": _FRAMES_AS_STORED},
            call="healthcare.dicomStores.studies.series.instances.frames.retrieveFrames",
            subject=subject,
            accept_status=(200, *_NOT_TRANSCODED),
        )
        if response.status_code != 200:
            return None
        try:
            content_type = response.headers.get("Content-Type", "")
            found = list(parts_with_headers(content_type, (response.content,)))
        except ValueError:
            return None
        syntaxes = {str(headers.get_param("transfer-syntax") or "") for headers, _ in found}
        if len(found) != len(frame_numbers) or len(syntaxes) != 1:
            return None
        return syntaxes.pop(), [content for _, content in found]

    def retrieve_rendered(
        self,
        study_instance_uid: str,
        series_instance_uid: str,
        sop_instance_uid: str,
        subject: str,
    ) -> bytes:
        """Return an instance's picture as PNG (PS3.18 section 8.7.4, rendered media types)."""
        response = self._api.send(
            "GET",
            f"{self._base}/studies/{study_instance_uid}/series/{series_instance_uid}"
            f"/instances/{sop_instance_uid}/rendered",
            headers={"Accept": "image/png"},
            call="healthcare.dicomStores.studies.series.instances.retrieveRendered",
            subject=subject,
        )
        return response.content

    def store_instances(
        self, study_instance_uid: str, blobs: Sequence[bytes], subject: str
    ) -> tuple[NotStored, ...]:
        """Store Part 10 files in a study with one request; return those that it did not take.

        The others are stored: Google answers 409 as soon as one is not. The same bytes again count
        as stored, so a request whose answer was lost is simply repeated.
        Source: https://cloud.google.com/healthcare-api/docs/dicom#store_transaction

        Raises
        ------
        RetriableError
            ``answer-malformed``: the answer says 409 and names no instance.
        """
        content_type, body = joined("application/dicom", blobs)
        response = self._api.send(
            "POST",
            f"{self._base}/studies/{study_instance_uid}",
            headers={"Content-Type": content_type, "Accept": "application/dicom+json"},
            data=body,
            call=_STORE,
            subject=subject,
            accept_status=(200, 409),
        )
        if response.status_code == 200:
            return ()
        refused = tuple(not_stored(json_body(response, _STORE, subject)))
        if not refused:
            raise problem("answer-malformed", f"{_STORE} names no failed instance of {subject}.")
        return refused

    def offer_instance(self, study_instance_uid: str, blob: bytes, subject: str) -> bool:
        """Store one Part 10 file in a study; return whether the store took it or had it."""
        response = self._api.send(
            "POST",
            f"{self._base}/studies/{study_instance_uid}",
            headers={"Content-Type": "application/dicom", "Accept": "application/dicom+json"},
            data=blob,
            call=_STORE,
            subject=subject,
            accept_status=(200, *_REFUSED),
        )
        return response.status_code == 200


def values(dataset: dict[str, Any], tag: str) -> Iterator[Any]:
    """Iterate over an attribute's values in the DICOM JSON model (PS3.18 annex F)."""
    yield from dataset.get(tag, {}).get("Value", [])
