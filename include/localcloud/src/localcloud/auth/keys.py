"""RSA keys of service accounts and the key files that Google's clients read.

Source: https://cloud.google.com/iam/docs/keys-create-delete and
https://google.aip.dev/auth/4112
"""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from localcloud.auth.accounts import Account

_KEY_BITS = 2048
_PUBLIC_EXPONENT = 65537
_OWNER_ONLY = 0o600


@dataclass(frozen=True)
class KeyPair:
    """A new key: its id and both halves as PEM."""

    key_id: str
    private_key: str
    public_key: str


def generate() -> KeyPair:
    """Make a key as Google makes them: RSA with 2048 bits."""
    key = rsa.generate_private_key(_PUBLIC_EXPONENT, _KEY_BITS)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return KeyPair(secrets.token_hex(20), private.decode(), public.decode())


class KeyFiles:
    """The key files of a local cloud, one for each account; only their owner can read them.

    Parameters
    ----------
    token_uri
        Where the key's signature is exchanged for a token; changes with the port.
    """

    def __init__(self, folder: Path, token_uri: str) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._token_uri = token_uri

    def path(self, email: str) -> Path:
        """Return where the key file of an account lies."""
        return self._folder / f"{email.lower()}.json"

    def write(self, account: Account, private_key: str) -> None:
        """Write the key file of an account."""
        fields = {
            "type": "service_account",
            "project_id": account.project,
            "private_key_id": account.key_id,
            "private_key": private_key,
            "client_email": account.email,
            "client_id": account.unique_id,
            "auth_uri": "https://accounts.google.com/o/oauth2/auth",
            "token_uri": self._token_uri,
            "universe_domain": "googleapis.com",
        }
        write_private(self.path(account.email), json.dumps(fields, indent=2) + "\n")

    def readdress(self, account: Account) -> bool:
        """Point an existing key file at this cloud; False when there is none of the current key."""
        try:
            fields = json.loads(self.path(account.email).read_text())
        except (OSError, ValueError):
            return False
        if fields.get("private_key_id") != account.key_id:
            return False
        if fields.get("token_uri") != self._token_uri:
            self.write(account, fields["private_key"])
        return True

    def remove(self, email: str) -> None:
        """Delete the key file of an account."""
        self.path(email).unlink(missing_ok=True)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read; a reader sees the old or the new content."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    temporary.replace(path)
