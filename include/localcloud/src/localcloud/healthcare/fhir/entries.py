"""Entries of a batch or transaction bundle, as requests.

Source: https://hl7.org/fhir/R4/bundle.html#bundle-unique and
https://hl7.org/fhir/R4/http.html#transaction
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, replace
from typing import Any

from localcloud.healthcare.fhir.criteria import IdentifierCriterion, parse_criterion
from localcloud.healthcare.fhir.definitions import Definitions, Json
from localcloud.healthcare.fhir.interactions import Conditions
from localcloud.healthcare.fhir.outcomes import (
    FhirError,
    invalid_resource,
    not_supported,
    unparseable,
)
from localcloud.healthcare.fhir.settings import StoreSettings
from localcloud.healthcare.fhir.validation import check_resource
from localcloud.healthcare.fhir.wire import decode

# "Transaction bundles with more than 4,500 entries are immediately rejected." Google bounds a batch
# by the size of its request alone; here an answer of more entries would take gigabytes of memory.
# Source: https://cloud.google.com/healthcare-api/quotas#fhir_executebundle_size_limits
_MAX_ENTRIES = {"transaction": 4500, "batch": 20_000}

_WITH_RESOURCE = frozenset({"POST", "PUT"})
_VERBS = _WITH_RESOURCE | {"PATCH", "DELETE", "GET"}


@dataclass(frozen=True)
class Entry:
    """One request of a bundle; ``path`` is below the store's ``fhir`` path."""

    index: int
    verb: str
    path: tuple[str, ...]
    query: str
    full_url: str
    conditions: Conditions
    payload: Any = None

    @property
    def place(self) -> str:
        return f"Bundle.entry[{self.index}]"

    @property
    def type(self) -> str:
        return self.path[0]

    @property
    def id(self) -> str:
        """The id in the URL; empty for a request to the type."""
        return self.path[1] if len(self.path) > 1 else ""

    @property
    def criterion(self) -> IdentifierCriterion | None:
        """The identifier by which the entry finds the resource it writes, if it does.

        Raises
        ------
        FhirError
            400 when it searches by anything else.
        """
        if self.verb == "POST":
            return self.conditions.criterion
        return parse_criterion(self.query) if len(self.path) == 1 and self.query else None


def entries_of(bundle: Json) -> list[Json]:
    """Return the raw entries of a bundle.

    Raises
    ------
    FhirError
        400 when there are too many, two are named alike, or one is not an object.
    """
    raw = bundle.get("entry") or []
    if not isinstance(raw, list) or not all(isinstance(item, dict) for item in raw):
        raise unparseable("want an array of entries", "Bundle.entry")
    urls = [item["fullUrl"] for item in raw if isinstance(item.get("fullUrl"), str)]
    if len(set(urls)) < len(urls):
        raise unparseable("two entries have the same fullUrl", "Bundle.entry")
    most = _MAX_ENTRIES.get(str(bundle.get("type")), 0)
    if most and len(raw) > most:
        raise FhirError(
            400,
            "too-costly",
            "too_many_entries",
            f"a {bundle['type']} may have {most} entries: send several bundles",
        )
    return raw


def parse_request(
    index: int, raw: Json, settings: StoreSettings, definitions: Definitions
) -> Entry:
    """Read what an entry asks for, without looking at its resource.

    Raises
    ------
    FhirError
        400, located in the bundle.
    """
    try:
        return _request(index, raw, settings, definitions)
    except FhirError as error:
        raise error.at(f"Bundle.entry[{index}]") from error


def with_payload(
    entry: Entry, raw: Json, settings: StoreSettings, definitions: Definitions
) -> Entry:
    """Return the entry with its resource, which is validated.

    Raises
    ------
    FhirError
        400, located in the bundle.
    """
    try:
        payload = _payload(entry.verb, raw.get("resource"), entry.type, settings, definitions)
    except FhirError as error:
        raise error.at(entry.place) from error
    return replace(entry, payload=payload)


def _request(index: int, raw: Json, settings: StoreSettings, definitions: Definitions) -> Entry:
    request = raw.get("request")
    if not isinstance(request, dict) or str(request.get("method")) not in _VERBS:
        raise unparseable(f"want a request with one of the methods {', '.join(sorted(_VERBS))}")
    verb: str = request["method"]
    address = str(request.get("url", "")).removeprefix(f"{settings.base}/")
    target, _, query = address.partition("?")
    path = tuple(part for part in target.split("/") if part)
    if not path or path[0] not in definitions.resource_types:
        raise FhirError(400, "not-supported", "bad_resource_type", "unsupported resource type")
    _check_path(verb, path, query)
    conditions = Conditions(
        str(request.get("ifMatch", "")),
        str(request.get("ifNoneMatch", "")),
        str(request.get("ifNoneExist", "")),
    )
    return Entry(index, verb, path, query, str(raw.get("fullUrl", "")), conditions)


def _check_path(verb: str, path: tuple[str, ...], query: str) -> None:
    if verb == "GET":
        history = len(path) in {3, 4} and path[2] == "_history"
        if len(path) != 2 and not history:
            raise not_supported("a bundle may not search: GET one resource by its id")
    elif verb == "POST":
        if len(path) != 1 or query:
            raise not_supported("POST in a bundle creates: the url is a resource type")
    elif len(path) > 2 or (len(path) == 1) != bool(query):
        raise unparseable("the url must be Type/id or Type?identifier=system|value")


def _payload(
    verb: str, resource: object, expected: str, settings: StoreSettings, definitions: Definitions
) -> Any:
    if verb == "PATCH":
        return patch_of(resource)
    if verb not in _WITH_RESOURCE:
        return None
    checked = check_resource(resource, definitions, settings.checks, settings.base)
    if checked["resourceType"] != expected:
        raise invalid_resource("value", "the resource is not of the type in the url")
    return checked


def patch_of(resource: object) -> Any:
    """Return the JSON Patch that a bundle carries as base64 in a Binary."""
    try:
        if not isinstance(resource, dict) or resource["resourceType"] != "Binary":
            raise unparseable("want a Binary resource that holds a JSON Patch")
        return decode(base64.b64decode(resource["data"], validate=True))
    except (KeyError, TypeError, binascii.Error) as error:
        raise unparseable("the Binary's data is not a base64 JSON Patch") from error
