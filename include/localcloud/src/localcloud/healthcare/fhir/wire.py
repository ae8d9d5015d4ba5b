"""Resources and OperationOutcomes on the wire; paths of the API taken apart.

Source: https://hl7.org/fhir/R4/http.html
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import format_datetime
from typing import Any

from localcloud.healthcare.fhir.definitions import Json
from localcloud.healthcare.fhir.outcomes import FhirError, unparseable
from localcloud.healthcare.fhir.records import dumps, version_number
from localcloud.healthcare.fhir.temporal import from_microseconds
from localcloud.http.call import Call, Reply

FHIR_JSON = "application/fhir+json"
JSON_PATCH = "application/json-patch+json"
_CONTENT_TYPE = f"{FHIR_JSON};charset=utf-8"
_STORE_SEGMENTS = 8
# What a bundle may have. Of "[],[],..." a parser makes forty times as many bytes, hence the second.
# Source: https://cloud.google.com/healthcare-api/quotas
_MAX_JSON_BYTES = 50 << 20
_MAX_JSON_VALUES = 4_000_000

Method = Callable[[Any, Call], Reply]


@dataclass(frozen=True)
class FhirPath:
    """``projects/P/…/fhirStores/S/fhir/Type/id/_history/V`` taken apart."""

    store: str
    type: str
    id: str
    version: str

    @classmethod
    def parse(cls, name: str) -> FhirPath:
        segments = name.split("/")
        rest = [*segments[_STORE_SEGMENTS + 1 :], "", "", "", ""]
        return cls("/".join(segments[:_STORE_SEGMENTS]), rest[0], rest[1], rest[3])


def answers_outcomes(method: Method) -> Method:
    """Answer a FhirError of a handler as its OperationOutcome."""

    @functools.wraps(method)
    def handler(self: Any, call: Call) -> Reply:
        try:
            return method(self, call)
        except FhirError as error:
            return fhir_reply(error.outcome(), error.status)

    return handler


def fhir_reply(body: Json, status: int = 200, headers: dict[str, str] | None = None) -> Reply:
    return Reply(status, dumps(body).encode(), _CONTENT_TYPE, headers or {})


def resource_reply(resource: Json, status: int, base: str) -> Reply:
    """Answer with a resource, its ETag, and on 201 where it is."""
    headers = version_headers(resource)
    if status == 201:
        name = f"{resource['resourceType']}/{resource['id']}"
        version = resource["meta"]["versionId"]
        headers["Location"] = f"{base}/{name}/_history/{version}"
    return fhir_reply(resource, status, headers)


def version_headers(resource: Json) -> dict[str, str]:
    version = resource["meta"]["versionId"]
    moment = from_microseconds(version_number(version) or 0)
    return {"ETag": f'W/"{version}"', "Last-Modified": format_datetime(moment, usegmt=True)}


def body_of(call: Call, content_type: str = FHIR_JSON) -> Any:
    """Decode a request body.

    Raises
    ------
    FhirError
        415 for another content type than the method takes, 400 for what is not JSON.
    """
    given = call.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != content_type:
        raise FhirError(
            415, "not-supported", "unsupported_media_type", f"want Content-Type: {content_type}"
        )
    return decode(call.body)


def decode(body: bytes) -> Any:
    """Decode JSON, which must be UTF-8 through and through.

    Raises
    ------
    FhirError
        413 when it is too large to be taken apart, 400 when it is not JSON.
    """
    values = body.count(b",") + body.count(b"[") + body.count(b"{")
    if len(body) > _MAX_JSON_BYTES or values > _MAX_JSON_VALUES:
        limits = f"{_MAX_JSON_BYTES} bytes and {_MAX_JSON_VALUES} values"
        raise FhirError(413, "too-long", "request_too_large", f"a request may have {limits}")
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_no_constant)
        if b"\\u" in body:
            # An escape can smuggle in half a character, which UTF-8 does not have.
            dumps(value).encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise unparseable("the body is not JSON in UTF-8") from error
    return value


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
