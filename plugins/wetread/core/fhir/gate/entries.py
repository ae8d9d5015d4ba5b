"""The entries of a transaction: what each is, and that no two write the same resource."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import unquote

from wetread.core.canonical import canonical_json
from wetread.core.fhir.gate.bindings import bindings
from wetread.core.violation import Violation, repeated

ENTRY_LIMIT: Final = 4500
"""Healthcare API, "Quotas and limits"."""

BUNDLE_LIMIT_BYTES: Final = 10_000_000
"""A fifth of what the service takes (Healthcare API, "Quotas and limits"): larger ones time out."""

_FULL_URL: Final = re.compile(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_BY_ID: Final = re.compile(r"([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})")
_BY_IDENTIFIER: Final = re.compile(r"([A-Z][A-Za-z]+)\?identifier=([^&]+)")
_VERSION: Final = re.compile(r'W/"[^"\s]+"')


def form_violations(bundle: Mapping[str, Any]) -> list[Violation]:
    """Return the entries that lack what makes them one."""
    found = [] if bundle.get("entry") else [Violation("fhir.bdl-3", "Bundle.entry")]
    for index, entry in enumerate(bundle.get("entry", [])):
        place = f"Bundle.entry.{index}"
        if not _FULL_URL.fullmatch(entry.get("fullUrl", "")):
            found.append(Violation("fhir.bundle.fullUrl", f"{place}.fullUrl"))
        if "request" not in entry or "resource" not in entry:
            found.append(Violation("fhir.bdl-3", place))
    return found


def entry_violations(bundle: Mapping[str, Any]) -> Iterator[Violation]:
    """Yield what is wrong with the bundle's type and with its entries."""
    if bundle.get("type") != "transaction":
        yield Violation("fhir.bundle.type", "Bundle.type")
    entries = bundle["entry"]
    if len(entries) > ENTRY_LIMIT:
        yield Violation("fhir.bundle.entries", "Bundle.entry")
    if len(canonical_json(bundle)) > BUNDLE_LIMIT_BYTES:
        yield Violation("fhir.bundle.size", "Bundle")
    for index, entry in enumerate(entries):
        place = f"Bundle.entry.{index}"
        yield from _request_violations(entry["request"], entry["resource"], place)
    for index in repeated(entry["fullUrl"] for entry in entries):
        yield Violation("fhir.bdl-7", f"Bundle.entry.{index}.fullUrl")
    for index in repeated(entry["request"]["url"] for entry in entries):
        yield Violation("fhir.bundle.twice", f"Bundle.entry.{index}.request.url")


def _request_violations(
    request: Mapping[str, Any], resource: Mapping[str, Any], place: str
) -> Iterator[Violation]:
    if resource["resourceType"] not in bindings().types:
        yield Violation("fhir.bundle.resource", f"{place}.resource")
    if request["method"] != "PUT":
        yield Violation("fhir.bundle.method", f"{place}.request.method")
    if not _VERSION.fullmatch(request.get("ifMatch", 'W/"1"')):
        yield Violation("fhir.bundle.ifMatch", f"{place}.request.ifMatch")
    if not _is_address_of(request["url"], resource):
        yield Violation("fhir.bundle.url", f"{place}.request.url")


def _is_address_of(url: str, resource: Mapping[str, Any]) -> bool:
    if by_id := _BY_ID.fullmatch(url):
        return by_id.groups() == (resource["resourceType"], resource.get("id"))
    by_identifier = _BY_IDENTIFIER.fullmatch(url)
    if by_identifier is None or by_identifier[1] != resource["resourceType"]:
        return False
    criterion = unquote(by_identifier[2])
    return any(
        criterion == f"{_escaped(item.get('system'))}|{_escaped(item.get('value'))}"
        for item in resource.get("identifier", [])
    )


def _escaped(text: str | None) -> str:
    """Escape what a search parameter gives a meaning (R4, Search, 3.1.1.3.3)."""
    return re.sub(r"([\\,$|])", r"\\\1", text or "")
