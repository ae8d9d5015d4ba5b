"""What takes the place of sensitive text, as a ``TextConfig`` chooses it by info type.

Source: https://cloud.google.com/healthcare-api/docs/reference/rest/v1/TextConfig
"""

from __future__ import annotations

import base64
import binascii
import datetime
import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from localcloud.errors import GoogleError
from localcloud.healthcare.dicom.deidentify.inspection import INFO_TYPES, Inspector
from localcloud.healthcare.resources import Json, invalid

_KINDS = (
    "characterMaskConfig",
    "cryptoHashConfig",
    "dateShiftConfig",
    "redactConfig",
    "replaceWithInfoTypeConfig",
)
_KEY_BYTES = (16, 24, 32)
_MAX_SHIFT_DAYS = 365
_DATE_VRS = frozenset({"DA", "DT"})
_OWN_TYPE = {"PN": "PERSON_NAME", "DA": "DATE", "DT": "DATE", "AS": "AGE"}

# Text, its info type and whose it is, to what stands there instead.
Transform = Callable[[str, str, str], str]


def _replace_with_info_type(_text: str, info_type: str, _patient: str) -> str:
    return f"[{info_type}]"


@dataclass(frozen=True)
class Transformations:
    """The transformation of each info type; one of no type named is for all of them."""

    by_type: Mapping[str, Transform] = field(default_factory=dict)
    date_shift_keys: Mapping[str, bytes] = field(default_factory=dict)
    excluded: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, config: Json) -> Transformations:
        """Read a ``TextConfig``; of two transformations of a type the later one holds.

        Raises
        ------
        GoogleError
            400 for a transformation that is not one, 501 for a key that only Cloud KMS can open.
        """
        by_type: dict[str, Transform] = {}
        shifts: dict[str, bytes] = {}
        entries = [*config.get("transformations", []), *config.get("additionalTransformations", [])]
        for entry in entries:
            kinds = [kind for kind in _KINDS if entry.get(kind) is not None]
            if len(kinds) != 1:
                raise invalid(f"a transformation has exactly one of {', '.join(_KINDS)}")
            for info_type in entry.get("infoTypes") or INFO_TYPES:
                by_type[info_type] = _transform(kinds[0], entry[kinds[0]])
                shifts.pop(info_type, None)
                if kinds[0] == "dateShiftConfig":
                    shifts[info_type] = _key(entry[kinds[0]])
        return cls(by_type, shifts, frozenset(config.get("excludeInfoTypes", [])))

    def inspected(self, text: str, inspector: Inspector, patient: str) -> str:
        """Return a text with what is sensitive in it transformed."""
        pieces, end = [], 0
        for finding in inspector.find(text):
            passage = text[finding.start : finding.end]
            pieces += [
                text[end : finding.start],
                self._transformed(passage, finding.info_type, patient),
            ]
            end = finding.end
        return "".join([*pieces, text[end:]])

    def whole(self, text: str, vr: str, patient: str) -> str:
        """Return the value of an element that is sensitive as a whole; dates stay dates or go."""
        info_type = _OWN_TYPE[vr]
        if info_type in self.excluded or not text:
            return text
        if vr in _DATE_VRS:
            key = self.date_shift_keys.get(info_type)
            return _shifted(text, key, patient) if key else ""
        return "" if vr == "AS" else self._transformed(text, info_type, patient)

    def _transformed(self, text: str, info_type: str, patient: str) -> str:
        if key := self.date_shift_keys.get(info_type):
            return _shifted(text, key, patient)
        return self.by_type.get(info_type, _replace_with_info_type)(text, info_type, patient)


def is_whole(vr: str) -> bool:
    """Return whether every value of a VR is sensitive as a whole."""
    return vr in _OWN_TYPE


def _transform(kind: str, config: Json) -> Transform:
    if kind == "characterMaskConfig":
        mask = config.get("maskingCharacter") or "*"
        return lambda text, _type, _patient: mask[0] * len(text)
    if kind == "cryptoHashConfig":
        key = _key(config)
        return lambda text, _type, _patient: _hash(key, text)
    if kind == "redactConfig":
        return lambda _text, _type, _patient: ""
    # A shift is done where dates are read; a passage that is no date is named instead.
    return _replace_with_info_type


def _key(config: Json) -> bytes:
    if config.get("kmsWrapped"):
        raise GoogleError.of(501, "kms_wrapped is not served by the local cloud: use crypto_key")
    if not (text := config.get("cryptoKey")):
        return secrets.token_bytes(_KEY_BYTES[-1])
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise invalid("invalid crypto_key: want base64") from error
    if len(key) not in _KEY_BYTES:
        raise invalid("invalid crypto_key: want an AES key of 128, 192 or 256 bits")
    return key


def _hash(key: bytes, text: str) -> str:
    return base64.b64encode(hmac.new(key, text.encode(), hashlib.sha256).digest()).decode()


def _shifted(text: str, key: bytes, patient: str) -> str:
    """Move the day that a value begins with; what is no day is removed."""
    try:
        day = datetime.datetime.strptime(text[:8], "%Y%m%d").replace(tzinfo=datetime.UTC)
        digest = hmac.new(key, patient.encode(), hashlib.sha256).digest()
        days = 1 + int.from_bytes(digest[:4]) % _MAX_SHIFT_DAYS
        moved = day + datetime.timedelta(days=days if digest[4] % 2 else -days)
    except (ValueError, OverflowError):
        return ""
    return moved.strftime("%Y%m%d") + text[8:]
