"""The OAuth token endpoint: an assertion signed with an account's key buys an access token.

Source: https://developers.google.com/identity/protocols/oauth2/service-account#httprest and
https://datatracker.ietf.org/doc/html/rfc7523
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

from google.auth import jwt
from google.auth.exceptions import GoogleAuthError

from localcloud.auth.accounts import Accounts
from localcloud.auth.tokens import LIFETIME_SECONDS, TokenMint
from localcloud.http.call import Call, Reply

TOKEN_PATH = "/token"  # noqa: S105 - a path
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_GOOGLE_AUDIENCES = frozenset(
    {"https://oauth2.googleapis.com/token", "https://www.googleapis.com/oauth2/v4/token"}
)
_CLOCK_SKEW_SECONDS = 300
_MAX_BODY_BYTES = 64 << 10
_MAX_FIELDS = 16
_SHORT_LIVED = (
    "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. "
    "Check your iat and exp values in the JWT claim."
)


class _GrantRefused(Exception):
    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.body = {"error": error, "error_description": description}


class TokenEndpoint:
    """Answers ``POST /token``.

    Parameters
    ----------
    token_uri
        Its own address, one of the audiences that an assertion may name; Google's clients name
        Google's whatever the key file says.
    """

    def __init__(self, accounts: Accounts, mint: TokenMint, token_uri: str) -> None:
        self._accounts = accounts
        self._mint = mint
        self._audiences = _GOOGLE_AUDIENCES | {token_uri}

    def handle(self, call: Call) -> Reply:
        """Answer a request for a token with one, or with an OAuth error."""
        try:
            email = self._subject(call)
        except _GrantRefused as refused:
            return Reply.json(refused.body, HTTPStatus.BAD_REQUEST)
        return Reply.json(
            {
                "access_token": self._mint.mint(email),
                "expires_in": LIFETIME_SECONDS - 1,
                "token_type": "Bearer",
            }
        )

    def _subject(self, call: Call) -> str:
        form = _form(call)
        if (grant := form.get("grant_type", "")) != _GRANT:
            raise _GrantRefused("unsupported_grant_type", f"Invalid grant_type: {grant}")
        assertion = form.get("assertion", "")
        try:
            claims = jwt.decode(assertion, verify=False)
        except (GoogleAuthError, ValueError) as error:
            raise _GrantRefused("invalid_grant", "Bad Request") from error
        account = self._accounts.find(str(claims.get("iss", "")))
        if account is None:
            raise _GrantRefused("invalid_grant", "Invalid grant: account not found")
        _check_times(claims)
        try:
            jwt.decode(
                assertion,
                {account.key_id: account.public_key},
                clock_skew_in_seconds=_CLOCK_SKEW_SECONDS,
            )
        except (GoogleAuthError, ValueError) as error:
            raise _GrantRefused("invalid_grant", "Invalid JWT Signature.") from error
        if claims.get("aud") not in self._audiences:
            raise _GrantRefused("invalid_grant", "Failed audience check.")
        if not claims.get("scope"):
            raise _GrantRefused("invalid_scope", "Missing required parameter: scope")
        return account.email


def _form(call: Call) -> Mapping[str, str]:
    if call.method != "POST" or len(call.payload) > _MAX_BODY_BYTES:
        raise _GrantRefused("invalid_request", "Want a POST of a short form.")
    try:
        form = parse_qs(call.body.decode("latin-1"), max_num_fields=_MAX_FIELDS)
    except ValueError as error:
        raise _GrantRefused("invalid_request", "The form has too many fields.") from error
    return {name: values[0] for name, values in form.items()}


def _check_times(claims: Mapping[str, Any]) -> None:
    now = time.time()
    try:
        issued, expires = float(claims["iat"]), float(claims["exp"])
    except (KeyError, TypeError, ValueError):
        raise _GrantRefused("invalid_grant", _SHORT_LIVED) from None
    in_time = issued - _CLOCK_SKEW_SECONDS <= now <= expires + _CLOCK_SKEW_SECONDS
    if not in_time or expires - issued > LIFETIME_SECONDS:
        raise _GrantRefused("invalid_grant", _SHORT_LIVED)
