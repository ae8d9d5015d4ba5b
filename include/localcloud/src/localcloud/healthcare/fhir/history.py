"""The history of one resource as a bundle.

Source: fhir.history of healthcare.v1 and https://hl7.org/fhir/R4/http.html#history
"""

from __future__ import annotations

from localcloud.healthcare.fhir.definitions import Json
from localcloud.healthcare.fhir.outcomes import invalid_query, not_found, not_supported
from localcloud.healthcare.fhir.pages import decode_token, parse_count
from localcloud.healthcare.fhir.records import OVERWRITTEN, Records, Version, version_id
from localcloud.healthcare.fhir.search import searchset
from localcloud.healthcare.fhir.settings import StoreSettings
from localcloud.healthcare.fhir.temporal import date_range, instant

_REASONS = {"200": "200 OK", "201": "201 Created", OVERWRITTEN: "200 OK"}


def history_bundle(
    settings: StoreSettings,
    records: Records,
    resource_type: str,
    identifier: str,
    pairs: list[tuple[str, str]],
) -> Json:
    """Return a page of versions, newest first, deletions included.

    Raises
    ------
    FhirError
        404 when the resource never existed, 400 when the store keeps no versions.
    """
    if not settings.versioning:
        raise not_supported("the store keeps no versions: disableResourceVersioning is set")
    name = f"{resource_type}/{identifier}"
    record = records.get(resource_type, identifier)
    if record is None:
        raise not_found(name)
    options = dict(pairs)
    versions = _chosen(records.history(record.key), options)
    count = parse_count(options.get("_count", ""))
    total = len(versions)
    if cursor := decode_token(options.get("_page_token", ""), 1):
        versions = [item for item in versions if (item.version,) < cursor]
    page = versions[:count]
    following = (page[-1].version,) if page and len(versions) > len(page) else None
    url = f"{settings.base}/{name}"
    entries = [_entry(version, url, name) for version in page]
    bundle = searchset(f"{url}/_history", pairs, entries, total, following)
    return bundle | {"type": "history"}


def _chosen(versions: list[Version], options: dict[str, str]) -> list[Version]:
    if since := options.get("_since"):
        earliest = _range("_since", since)[0]
        versions = [item for item in versions if item.version >= earliest]
    if at := options.get("_at"):
        start, end = _range("_at", at)
        during = [item for item in versions if start < item.version <= end]
        versions = during + [item for item in versions if item.version <= start][:1]
    return versions


def _range(name: str, text: str) -> tuple[int, int]:
    try:
        return date_range(text.replace(" ", "+"))
    except ValueError as error:
        raise invalid_query(f"invalid {name}: want a date or an instant with its zone") from error


def _entry(version: Version, url: str, name: str) -> Json:
    entry: Json = {
        "fullUrl": url,
        "request": {
            "method": version.verb,
            "url": name.partition("/")[0] if version.verb == "POST" else name,
        },
        "response": {
            "status": _REASONS[version.status],
            "etag": f'W/"{version_id(version.version)}"',
            "lastModified": instant(version.version),
        },
    }
    return entry | ({"resource": version.resource} if version.resource is not None else {})
