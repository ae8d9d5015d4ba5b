"""Resources and OperationOutcomes on the wire; paths of the API taken apart.

Source: https://hl7.org/fhir/R4/http.html, https://cloud.google.com/healthcare-api/docs/fhir and
https://cloud.google.com/healthcare-api/quotas#resource_limits
"""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import format_datetime
from typing import Any

from localcloud.errors import GoogleError
from localcloud.healthcare.fhir.definitions import Json
from localcloud.healthcare.fhir.outcomes import FhirError, unparseable
from localcloud.healthcare.fhir.records import dumps, version_number
from localcloud.healthcare.fhir.temporal import from_microseconds
from localcloud.http.call import Call, Reply

FHIR_JSON = "application/fhir+json"
JSON_PATCH = "application/json-patch+json"
_CONTENT_TYPE = f"{FHIR_JSON};charset=utf-8"
_STORE_SEGMENTS = 8
MAX_RESOURCE_BYTES = 10 << 20
MAX_BUNDLE_BYTES = 50 << 20
# Of "[],[],..." a parser makes forty times as many bytes.
_MAX_JSON_VALUES = 4_000_000
_READABLE = frozenset({"*/*", "application/*", "application/json", FHIR_JSON})
_READABLE_FORMATS = frozenset({"json", "application/json", FHIR_JSON})
# What is larger is worked on by one request at a time, which bounds memory; Python would not do two
# of them any faster.
_LARGE_BYTES = 1 << 20
_LARGE_BODY = threading.Lock()

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
    """Answer a FhirError of a handler as its OperationOutcome; refuse HEAD and all but JSON."""

    @functools.wraps(method)
    def handler(self: Any, call: Call) -> Reply:
        try:
            _check_protocol(call)
            with _turn_for(call):
                return method(self, call)
        except FhirError as error:
            return fhir_reply(error.outcome(), error.status)

    return handler


def _check_protocol(call: Call) -> None:
    if call.method == "HEAD":
        raise GoogleError.of(405, "The FHIR API has no HEAD requests: send GET.")
    if ".Binary-" in call.method_id:
        # A Binary is whatever it is.
        return
    accepted = call.headers.get("accept", "*/*").split(",")
    wanted = {part.partition(";")[0].strip().lower() for part in accepted}
    form = (call.query.get("_format") or "json").partition(";")[0].replace(" ", "+").lower()
    if not wanted & _READABLE or form not in _READABLE_FORMATS:
        raise FhirError(
            406, "not-supported", "not_acceptable", f"only {FHIR_JSON} is served, not XML or others"
        )


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


@contextmanager
def _turn_for(call: Call) -> Iterator[None]:
    """Hold the turn of requests with a large body for as long as its objects are in memory."""
    if len(call.payload) <= _LARGE_BYTES:
        yield
        return
    with _LARGE_BODY:
        yield


def body_of(call: Call, content_type: str = FHIR_JSON, limit: int = MAX_RESOURCE_BYTES) -> Any:
    """Decode a request body.

    Raises
    ------
    FhirError
        415 for another content type than the method takes, 400 for what is not JSON.
    GoogleError
        413 when it is larger than ``limit`` bytes.
    """
    if len(call.payload) > limit:
        raise GoogleError.of(413, f"Request payload size exceeds the limit: {limit} bytes.")
    given = call.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != content_type:
        raise FhirError(
            415, "not-supported", "unsupported_media_type", f"want Content-Type: {content_type}"
        )
    return decode(call.body)


def decode(body: bytes) -> Any:
    """Decode JSON, which must be UTF-8 through and through and name nothing twice.

    Raises
    ------
    FhirError
        413 when it has too many values to be taken apart, 400 when it is not such JSON.
    """
    values = body.count(b",") + body.count(b"[") + body.count(b"{")
    if values > _MAX_JSON_VALUES:
        limit = f"a request may have {_MAX_JSON_VALUES} values"
        raise FhirError(413, "too-long", "request_too_large", limit)
    try:
        value = json.loads(
            body.decode("utf-8"), parse_constant=_no_constant, object_pairs_hook=_object
        )
        if b"\\u" in body:
            # An escape can smuggle in half a character, which UTF-8 does not have.
            dumps(value).encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise unparseable("the body is not JSON in UTF-8") from error
    return value


def _object(pairs: list[tuple[str, Any]]) -> Json:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise unparseable("an object names a property twice")
    return value


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
