"""Access tokens: minted here, or signed by an account's own key.

A minted token carries its account and its end, sealed with a secret of the data folder, so that it
outlives a restart and needs no table. A self-signed one is a JWT that Google's gRPC and REST
clients send in its place.
Source: https://developers.google.com/identity/protocols/oauth2/service-account#jwt-auth
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.auth import jwt
from google.auth.exceptions import GoogleAuthError

from localcloud.auth.accounts import Accounts
from localcloud.auth.keys import write_private

LIFETIME_SECONDS = 3600
_PREFIX = "ya29."
_CLOCK_SKEW_SECONDS = 30
_REMEMBERED_TOKENS = 1024
_MAX_TOKEN_CHARACTERS = 16 << 10


class TokenRejected(Exception):
    """A token that opens nothing; ``expired`` when it once did."""

    def __init__(self, *, expired: bool) -> None:
        super().__init__("expired" if expired else "unknown")
        self.expired = expired


@dataclass(frozen=True)
class _Verified:
    """A token that was found good once; ``key_id`` is empty for one minted here."""

    email: str
    key_id: str
    expires_at: float


class TokenMint:
    """Mints tokens with the secret of a data folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / "token-secret"
        if not path.exists():
            write_private(path, secrets.token_hex(32))
        self._secret = path.read_text().encode()

    def mint(self, email: str, lifetime_seconds: float = LIFETIME_SECONDS) -> str:
        """Return a new token of an account."""
        claims = {"email": email.lower(), "exp": time.time() + lifetime_seconds}
        payload = _base64(json.dumps(claims).encode())
        return f"{_PREFIX}{payload}.{self._seal(payload)}"

    def open(self, token: str) -> dict[str, Any]:
        """Return the claims of a token.

        Raises
        ------
        TokenRejected
            When it was not minted with this secret, or has expired.
        """
        payload, _, seal = token.removeprefix(_PREFIX).partition(".")
        if not hmac.compare_digest(seal.encode(), self._seal(payload).encode()):
            raise TokenRejected(expired=False)
        padding = "=" * (-len(payload) % 4)
        claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + padding))
        if claims["exp"] <= time.time():
            raise TokenRejected(expired=True)
        return claims

    def _seal(self, payload: str) -> str:
        return _base64(hmac.digest(self._secret, payload.encode(), hashlib.sha256))


class Tokens:
    """Tells whose token it is."""

    def __init__(self, mint: TokenMint, accounts: Accounts) -> None:
        self._mint = mint
        self._accounts = accounts
        self._lock = threading.Lock()
        self._verified: OrderedDict[str, _Verified] = OrderedDict()

    def email_of(self, token: str) -> str:
        """Return the address of the account that a token stands for.

        Raises
        ------
        TokenRejected
            When the token is unknown or expired, or its account is gone.
        """
        verified = self._verified.get(token)
        if verified is None:
            verified = self._opened(token)
            self._remember(token, verified)
        account = self._accounts.find(verified.email)
        if account is None or verified.key_id not in ("", account.key_id):
            raise TokenRejected(expired=False)
        if verified.expires_at <= time.time():
            raise TokenRejected(expired=True)
        return verified.email

    def _opened(self, token: str) -> _Verified:
        if len(token) > _MAX_TOKEN_CHARACTERS or not token.isascii():
            raise TokenRejected(expired=False)
        if not token.startswith(_PREFIX):
            return self._verify(token)
        claims = self._mint.open(token)
        return _Verified(str(claims["email"]), "", float(claims["exp"]))

    def _remember(self, token: str, verified: _Verified) -> None:
        with self._lock:
            self._verified[token] = verified
            while len(self._verified) > _REMEMBERED_TOKENS:
                self._verified.popitem(last=False)

    def _verify(self, token: str) -> _Verified:
        try:
            claims = jwt.decode(token, verify=False)
            account = self._accounts.find(str(claims.get("iss", "")))
            if account is None or claims.get("sub", account.email) != account.email:
                raise TokenRejected(expired=False)
            expires_at = float(claims.get("exp", 0)) + _CLOCK_SKEW_SECONDS
            if expires_at <= time.time():
                raise TokenRejected(expired=True)
            jwt.decode(
                token,
                {account.key_id: account.public_key},
                clock_skew_in_seconds=_CLOCK_SKEW_SECONDS,
            )
        except (GoogleAuthError, ValueError, TypeError, AttributeError) as error:
            raise TokenRejected(expired=False) from error
        return _Verified(account.email, account.key_id, expires_at)


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
