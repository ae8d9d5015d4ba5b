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

_ABSENT: Final = "*"
"""``ifNoneMatch`` that refuses a write when the resource is there (RFC 9110, section 13.1.2)."""


def guard_transaction(bundle: Mapping[str, Any], filing: Filing) -> Resource:
    """Return the transaction bound to the versions that were read, and without what is decided.

    With ``ifMatch`` the store refuses the whole transaction if a person changed the report, one of
    its Observations or a Task between the reading and the writing; with ``ifNoneMatch``, if there
    is a report by now where there was none. Observations that a person closed are referred to as
    they are, and a review that somebody took or ended is left alone. Reviews of older results that
    nobody took are cancelled.

    Raises
    ------
    PermanentError
        ``report-closed``: the edition that would be written is no longer preliminary.
    """
    if filing.existing is not None and filing.existing.get("status") not in OPEN_STATUSES:
        raise problem("report-closed", "the report of this study is no longer preliminary.")
    guarded: Resource = deepcopy(dict(bundle))
    read = {_full_url(one): one for one in _read(filing)}
    closed = {url: one for url, one in read.items() if not may_write(one)}
    guarded["entry"] = [entry for entry in guarded["entry"] if entry["fullUrl"] not in closed]
    for entry in guarded["entry"]:
        if entry["fullUrl"] in read:
            entry["request"]["ifMatch"] = _entity_tag(read[entry["fullUrl"]])
        elif entry["fullUrl"] == filing.report.full_url:
            entry["request"]["ifNoneMatch"] = _ABSENT
    for element in _references(guarded):
        if element["reference"] in closed:
            element["reference"] = _literal(closed[element["reference"]])
    issued = next(_reports(guarded))["issued"]
    guarded["entry"] += [_cancellation(task, issued) for task in filing.open_tasks]
    return guarded


def may_write(existing: Mapping[str, Any]) -> bool:
    """Tell whether a resource that was read may be replaced: no person has decided about it.

    A review that was cancelled because another result came may be asked for again.
    """
    status = existing.get("status")
    if existing["resourceType"] == "Task":
        return status in UNTAKEN_STATUSES or _is_superseded(existing)
    if existing["resourceType"] == "Observation":
        return status in OPEN_OBSERVATION_STATUSES
    return status in OPEN_STATUSES


def _read(filing: Filing) -> Iterator[Mapping[str, Any]]:
    yield from filing.observations
    if filing.existing is not None:
        yield filing.existing
    if filing.task is not None:
        yield filing.task


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
        "fullUrl": _full_url(task),
        "resource": {**kept, **superseded},
        "request": {"method": "PUT", "url": _literal(task), "ifMatch": _entity_tag(task)},
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


def _reports(bundle: Resource) -> Iterator[Resource]:
    resources = (entry["resource"] for entry in bundle["entry"])
    return (one for one in resources if one["resourceType"] == "DiagnosticReport")


def _full_url(resource: Mapping[str, Any]) -> str:
    """Return the URL that stands for one of Wetread's resources inside a transaction."""
    values = (i["value"] for i in resource["identifier"] if i.get("system") == RESULT_SYSTEM)
    return Identifier(RESULT_SYSTEM, next(values)).full_url


def _entity_tag(resource: Mapping[str, Any]) -> str:
    return f'W/"{resource["meta"]["versionId"]}"'


def _literal(resource: Mapping[str, Any]) -> str:
    return f"{resource['resourceType']}/{resource['id']}"
