"""Who signed a URL, verified with the account's key.

Source: https://cloud.google.com/storage/docs/authentication/canonical-requests and
https://cloud.google.com/storage/docs/authentication/signatures
"""

from __future__ import annotations

import hashlib
from urllib.parse import quote

from google.auth import crypt

from localcloud.auth.accounts import Accounts
from localcloud.errors import GoogleError
from localcloud.http.call import Call
from localcloud.storage.signed_urls import signer

_ALGORITHM = "GOOG4-RSA-SHA256"
_SIGNATURE = "X-Goog-Signature"


def signer_of(call: Call, accounts: Accounts) -> str | None:
    """Return the account that signed a URL, None when the call carries no signature.

    Raises
    ------
    GoogleError
        403 when the signature is not that account's.
    """
    if (email := signer(call.query)) is None:
        return None
    account = accounts.find(email)
    if account is None or call.query.get("X-Goog-Algorithm") != _ALGORITHM:
        raise _mismatch("only RSA signatures (version 4) of an account of this cloud are verified")
    try:
        signature = bytes.fromhex(call.query.get(_SIGNATURE) or "")
    except ValueError:
        raise _mismatch("it is not hexadecimal") from None
    if not crypt.verify_signature(_string_to_sign(call), signature, account.public_key):
        raise _mismatch("check the key, the method and the signed headers")
    return account.email


def _string_to_sign(call: Call) -> bytes:
    scope = (call.query.get("X-Goog-Credential") or "").partition("/")[2]
    digest = hashlib.sha256(_canonical_request(call).encode()).hexdigest()
    return "\n".join((_ALGORITHM, call.query.get("X-Goog-Date") or "", scope, digest)).encode()


def _canonical_request(call: Call) -> str:
    names = (call.query.get("X-Goog-SignedHeaders") or "").split(";")
    headers = "".join(f"{name}:{_collapsed(call.headers.get(name, ''))}\n" for name in names)
    pairs = sorted(
        (quote(name, safe="-_.~"), quote(value, safe="-_.~"))
        for name, value in call.query.items()
        if name != _SIGNATURE
    )
    payload = call.headers.get("x-goog-content-sha256", "UNSIGNED-PAYLOAD")
    return "\n".join(
        (
            call.method,
            call.path,
            "&".join(f"{name}={value}" for name, value in pairs),
            headers,
            ";".join(names),
            payload,
        )
    )


def _collapsed(value: str) -> str:
    return " ".join(value.split())


def _mismatch(why: str) -> GoogleError:
    return GoogleError.of(
        403,
        "The request signature we calculated does not match the signature you provided: "
        + why
        + ".",
        "SignatureDoesNotMatch",
    )
