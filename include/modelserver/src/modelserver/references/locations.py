"""References as validated values: where they point, and whether this server goes there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, urlsplit

from modelserver.errors import InstanceError

_UID = r"[0-9.]{1,64}"
_DICOMWEB = re.compile(
    rf"(?P<series>.*/studies/{_UID}/series/{_UID})"
    rf"(?P<instance>/instances/{_UID})?(?:/frames/(?P<frame>[1-9][0-9]{{0,8}}))?"
)
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True)
class DicomWebLocation:
    """A series, an instance or a frame of an instance in a DICOMweb store (PS3.18 10.4)."""

    url: str
    """The series' or the instance's URL."""
    is_series: bool
    frame_number: int
    """Counted from 1; 1 where the reference names no frame."""


def dicomweb_location(uri: str, hosts: frozenset[str]) -> DicomWebLocation:
    """Check a DICOMweb reference.

    Raises
    ------
    InstanceError
        ``REFERENCE_INVALID``, ``HOST_NOT_ALLOWED``.
    """
    parts = _split(uri)
    match = _DICOMWEB.fullmatch(parts.path)
    if match is None or (match["frame"] and not match["instance"]):
        raise InstanceError(
            "REFERENCE_INVALID",
            "dicomweb_uri must end in /studies/…/series/…, optionally followed by "
            "/instances/… and /frames/….",
        )
    _require_allowed(parts, hosts)
    path = match["series"] + (match["instance"] or "")
    url = f"{parts.scheme}://{parts.netloc}{path}"
    return DicomWebLocation(url, not match["instance"], int(match["frame"] or 1))


def storage_url(uri: str, storage: str, hosts: frozenset[str]) -> str:
    """Return the URL of the content of ``gs://bucket/object`` in the JSON API.

    Source: https://cloud.google.com/storage/docs/json_api/v1/objects/get

    Raises
    ------
    InstanceError
        ``REFERENCE_INVALID``, ``HOST_NOT_ALLOWED``.
    """
    bucket, _, name = uri.removeprefix("gs://").partition("/")
    if not uri.startswith("gs://") or not bucket or not name:
        raise InstanceError("REFERENCE_INVALID", "gcs_uri must be gs://bucket/object.")
    _require_allowed(_split(storage), hosts)
    path = f"/storage/v1/b/{quote(bucket, safe='')}/o/{quote(name, safe='')}"
    return f"{storage}{path}?alt=media"


def authority(scheme: str, host: str, port: int | None) -> str:
    """Return ``host:port`` with the scheme's default port filled in."""
    return f"{host.lower()}:{port or (443 if scheme == 'https' else 80)}"


def _split(uri: str) -> SplitResult:
    try:
        parts = urlsplit(uri)
        is_plain = parts.port != 0 and not (parts.query or parts.fragment or parts.username)
    except ValueError:
        is_plain = False
    if not is_plain or parts.scheme not in ("http", "https") or not parts.hostname:
        raise InstanceError("REFERENCE_INVALID", "the reference is no plain https:// address.")
    return parts


def _require_allowed(parts: SplitResult, hosts: frozenset[str]) -> None:
    """A token goes only where the operator said, and never unencrypted off this machine."""
    host = parts.hostname or ""
    if authority(parts.scheme, host, parts.port) not in hosts:
        raise InstanceError(
            "HOST_NOT_ALLOWED",
            "the reference's host is not on this server's list; start it with --allow-host.",
        )
    if parts.scheme != "https" and host not in _LOOPBACK:
        raise InstanceError("HOST_NOT_ALLOWED", "only this machine is read without https.")
