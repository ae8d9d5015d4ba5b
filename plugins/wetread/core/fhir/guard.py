"""What a person has decided stays: a transaction is bound to what was read, and steps around it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from datetime import datetime
from typing import Any, Final

from wetread.core.errors import problem
from wetread.core.fhir.elements import Resource
from wetread.core.fhir.filing import OPEN_STATUSES, UNTAKEN_STATUSES, Filing
from wetread.core.fhir.identifiers import RESULT_SYSTEM, Identifier
from wetread.core.terminology import concept

OPEN_OBSERVATION_STATUSES: Final = frozenset({"registered", "preliminary"})
"""Observation statuses before a person's decision (FHIR R4, value set observation-status)."""


def guard_transaction(bundle: Mapping[str, Any], filing: Filing) -> Resource:
    """Return the transaction bound to the versions that were read, and without what is decided.

    What was read is updated under its id and with ``ifMatch``: the store refuses the whole
    transaction if a person changed the report, one of its Observations or a Task between the
    reading and the writing, or if another worker wrote anything of the study, because each of its
    transactions changes the ImagingStudy. Observations that a person closed are referred to as they
    are, and a review that somebody took or ended is left alone.

    Raises
    ------
    PermanentError
        ``report-closed``: the edition that would be written is no longer preliminary.
    """
    if filing.existing is not None and filing.existing.get("status") not in OPEN_STATUSES:
        raise problem("report-closed", "the report of this study is no longer preliminary.")
    guarded: Resource = deepcopy(dict(bundle))
    read = {url: one for one in _read(filing) for url in _full_urls(one)}
    closed = {url: one for url, one in read.items() if not may_write(one)}
    guarded["entry"] = [entry for entry in guarded["entry"] if entry["fullUrl"] not in closed]
    for entry in guarded["entry"]:
        if found := read.get(entry["fullUrl"]):
            entry["resource"]["id"] = found["id"]
            entry["request"] = _update(found)
    for element in _references(guarded):
        if element["reference"] in closed:
            element["reference"] = _literal(closed[element["reference"]])
    return guarded


def cancellations(filing: Filing, issued: str) -> list[Resource]:
    """Return the entries that withdraw the reviews of older results that nobody has taken."""
    return [_cancellation(task, issued) for task in filing.open_tasks]


def may_write(existing: Mapping[str, Any]) -> bool:
    """Tell whether a resource that was read may be replaced: no person has decided about it.

    A review that was cancelled because another result came may be asked for again.
    """
    status = existing.get("status")
    if existing["resourceType"] == "Task":
        return status in UNTAKEN_STATUSES or _is_superseded(existing)
    if existing["resourceType"] == "Observation":
        return status in OPEN_OBSERVATION_STATUSES
    return existing["resourceType"] != "DiagnosticReport" or status in OPEN_STATUSES


def _read(filing: Filing) -> Iterator[Mapping[str, Any]]:
    yield from filing.observations
    yield from (one for one in (filing.study, filing.existing, filing.task) if one is not None)


def _cancellation(task: Mapping[str, Any], issued: str) -> Resource:
    """Return the entry that withdraws a review, whose time of change never precedes its making."""
    kept = {name: value for name, value in task.items() if name != "meta"}
    superseded = {
        "status": "cancelled",
        "statusReason": concept("superseded").codeable(),
        "lastModified": max(
            issued, str(task.get("authoredOn", issued)), key=datetime.fromisoformat
        ),
    }
    return {
        "fullUrl": Identifier(RESULT_SYSTEM, _literal(task)).full_url,
        "resource": {**kept, **superseded},
        "request": _update(task),
    }


def _is_superseded(task: Mapping[str, Any]) -> bool:
    code = concept("superseded")
    codings = task.get("statusReason", {}).get("coding", [])
    return task.get("status") == "cancelled" and any(
        (one.get("system"), one.get("code")) == (code.system, code.code) for one in codings
    )


def _references(element: Any) -> Iterator[Resource]:
    if isinstance(element, dict):
        if "reference" in element:
            yield element
        for value in element.values():
            yield from _references(value)
    elif isinstance(element, list):
        for value in element:
            yield from _references(value)


def _full_urls(resource: Mapping[str, Any]) -> Iterator[str]:
    """Yield the URLs that may stand for a resource inside a transaction; others' have none."""
    for one in resource.get("identifier", []):
        yield Identifier(one.get("system", ""), one.get("value", "")).full_url


def _update(read: Mapping[str, Any]) -> Resource:
    """Return the request that replaces a resource if it still is as it was read."""
    tag = f'W/"{read["meta"]["versionId"]}"'
    return {"method": "PUT", "url": _literal(read), "ifMatch": tag}


def _literal(resource: Mapping[str, Any]) -> str:
    return f"{resource['resourceType']}/{resource['id']}"
