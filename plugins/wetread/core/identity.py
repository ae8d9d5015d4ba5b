"""Names that carry no identifier of a patient: study keys and run ids.

A study key is a key id and an HMAC of the StudyInstanceUID, so that neither the UID nor another
study's key follows from it (HIPAA 164.514(b)(2)(i)(R) counts device and study identifiers as
identifying). It names runs, objects and alerts; only the claim in the state bucket maps it back.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass

from wetread.core.errors import problem

STUDY_KEY_PATTERN = r"k[1-9][0-9]*-[a-z2-7]{26}"
"""``k<key id>-`` and 130 bits of the HMAC in lower-case base32."""

UID_PATTERN = re.compile(r"(?=.{1,64}\Z)[0-9]+(\.[0-9]+)+\Z")
"""A DICOM UID (PS3.5 section 9.1), and components with leading zeros, which the standard forbids
and some modalities write: a study must not be refused for them."""

_KEY_BYTES = 32
_KEY_CHARACTERS = 26
_RUN_ID = re.compile(rf"study__(?P<key>{STUDY_KEY_PATTERN})__v(?P<version>[1-9][0-9]*)\Z")
_PRODUCTION = "production:"
_DEVELOPMENT = "development:"


@dataclass(frozen=True)
class StudyVersion:
    """One version of one study; what a run of ``study_pipeline`` is about."""

    study_key: str
    version: int

    @property
    def run_id(self) -> str:
        return f"study__{self.study_key}__v{self.version}"

    def __str__(self) -> str:
        return f"{self.study_key} v{self.version}"


def parse_run_id(run_id: str) -> StudyVersion:
    """Read the study and version that a run of ``study_pipeline`` is about from its id.

    Raises
    ------
    PermanentError
        ``run-id-unknown``: somebody started the pipeline under another id.
    """
    match = _RUN_ID.match(run_id)
    if not match:
        raise problem("run-id-unknown", "study_pipeline was started under a run id of its own.")
    return StudyVersion(match["key"], int(match["version"]))


@dataclass(frozen=True)
class KeyRing:
    """The keys of the secret by their version; the newest names new studies, all find old ones."""

    keys: Mapping[int, bytes]

    def study_keys(self, study_instance_uid: str) -> tuple[str, ...]:
        """Return the study's key under every key of the ring, newest first."""
        return tuple(
            f"k{key_id}-{_token(self.keys[key_id], study_instance_uid)}"
            for key_id in sorted(self.keys, reverse=True)
        )

    @property
    def newest(self) -> int:
        return max(self.keys)

    def token(self, value: str) -> str:
        """Return an opaque name of ``value`` under the newest key, for comparing and for naming."""
        return _token(self.keys[self.newest], value)


def _token(key: bytes, value: str) -> str:
    mac = hmac.new(key, value.encode("utf-8"), hashlib.sha256).digest()
    return base64.b32encode(mac).decode("ascii").lower()[:_KEY_CHARACTERS]


def encode_key(key: bytes, *, development: bool = False) -> bytes:
    """Return the payload under which a key is kept in Secret Manager."""
    prefix = _DEVELOPMENT if development else _PRODUCTION
    return (prefix + base64.b64encode(key).decode("ascii")).encode("ascii")


def decode_key(payload: bytes, *, allow_development: bool) -> bytes:
    """Read a key from its payload.

    Raises
    ------
    PermanentError
        ``study-key-secret-unusable``: the payload is malformed, the key is shorter than 256 bits,
        or it is a development key where real patients may be (an endpoint is not loopback).
    """
    text = payload.decode("ascii", errors="replace").strip()
    if text.startswith(_DEVELOPMENT) and not allow_development:
        raise problem(
            "study-key-secret-unusable",
            "the secret holds a development key, and an endpoint is not on this machine.",
        )
    for prefix in (_PRODUCTION, _DEVELOPMENT):
        if text.startswith(prefix):
            return _decoded(text.removeprefix(prefix))
    raise problem("study-key-secret-unusable", "the secret's payload is not a Wetread key.")


def _decoded(text: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except ValueError:
        key = b""
    if len(key) < _KEY_BYTES:
        raise problem("study-key-secret-unusable", "the key is shorter than 256 bits.")
    return key
