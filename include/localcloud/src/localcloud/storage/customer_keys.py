"""Customer-supplied encryption keys: who does not bring the key does not get the content.

The key's hash is kept and compared; the bytes on disk stay as they are, because this server
protects a program's behaviour, not its data.
Source: https://cloud.google.com/storage/docs/encryption/customer-supplied-keys
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping

from localcloud.errors import GoogleError
from localcloud.storage.records import ObjectVersion

_ALGORITHM = "AES256"
_KEY_BYTES = 32
_OWN, _SOURCE = "x-goog-encryption-", "x-goog-copy-source-encryption-"

Encryption = Mapping[str, str]
"""``customerEncryption`` of an object resource: algorithm and SHA-256 of the key, base64."""


def of_headers(headers: Mapping[str, str], *, source: bool = False) -> Encryption | None:
    """Return what a request says of its key, None when it brings none.

    Parameters
    ----------
    source
        Read the key of a copy's source instead.

    Raises
    ------
    GoogleError
        400 when the three headers do not fit together.
    """
    prefix = _SOURCE if source else _OWN
    algorithm, key = headers.get(f"{prefix}algorithm"), headers.get(f"{prefix}key")
    digest = headers.get(f"{prefix}key-sha256")
    if algorithm is None and key is None and digest is None:
        return None
    if algorithm != _ALGORITHM:
        raise _refused(
            "customerEncryptionAlgorithmIsInvalid",
            f"The encryption algorithm {algorithm!r} is invalid; give {_ALGORITHM}.",
        )
    try:
        secret = base64.b64decode(key or "", validate=True)
    except binascii.Error:
        secret = b""
    if len(secret) != _KEY_BYTES:
        raise _refused(
            "customerEncryptionKeyFormatIsInvalid",
            "Missing an encryption key, or it is not base64 of 32 bytes.",
        )
    actual = base64.b64encode(hashlib.sha256(secret).digest()).decode()
    if digest != actual:
        raise _refused(
            "customerEncryptionKeySha256IsInvalid",
            "Missing a SHA256 hash of the encryption key, or it does not match the key.",
        )
    return {"encryptionAlgorithm": _ALGORITHM, "keySha256": actual}


def check(version: ObjectVersion, given: Encryption | None) -> None:
    """Require the key that an object's content was stored with.

    Raises
    ------
    GoogleError
        400 when the key is missing, wrong, or given for content that has none.
    """
    stored = version.fields.get("customerEncryption")
    path = f"{version.bucket}/{version.name}"
    if stored is None and given is not None:
        raise _refused(
            "resourceNotEncryptedWithCustomerEncryptionKey",
            f"{path} is not encrypted by a customer-supplied encryption key; send none.",
        )
    if stored is not None and given is None:
        raise _refused(
            "resourceIsEncryptedWithCustomerEncryptionKey",
            f"{path} is encrypted by a customer-supplied encryption key; send that key.",
        )
    if stored != given:
        raise _refused(
            "customerEncryptionKeyIsIncorrect",
            f"The provided encryption key is incorrect for {path}.",
        )


def _refused(reason: str, message: str) -> GoogleError:
    return GoogleError.of(400, message, reason)
