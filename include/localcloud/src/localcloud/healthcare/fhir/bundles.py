"""Batch and transaction bundles.

A transaction is one unit of work: deletes, then creates, then updates, then reads, as FHIR orders
them; one failure undoes all. A batch is many units of work that know nothing of each other.
Source: https://hl7.org/fhir/R4/http.html#trules and fhir.executeBundle of healthcare.v1
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import TypeVar

from localcloud.healthcare.fhir.conditional_references import resolve_conditional
from localcloud.healthcare.fhir.contention import Claim
from localcloud.healthcare.fhir.criteria import IdentifierCriterion
from localcloud.healthcare.fhir.definitions import Json
from localcloud.healthcare.fhir.entries import Entry
from localcloud.healthcare.fhir.interactions import (
    Written,
    conditional_delete,
    conditional_patch,
    conditional_update,
    create,
    create_or_keep,
    delete,
    existing,
    patch,
    update,
    update_or_create,
)
from localcloud.healthcare.fhir.outcomes import FhirError, not_found, unparseable
from localcloud.healthcare.fhir.records import Records
from localcloud.healthcare.fhir.references import rewrite
from localcloud.healthcare.fhir.work import Work, new_id

_Result = TypeVar("_Result")
# Deletes come before all of these.
_ORDER = {"POST": 1, "PUT": 2, "PATCH": 2, "GET": 3}


def run_transaction(work: Work, entries: Sequence[Entry]) -> dict[int, Written]:
    """Do all entries or, by raising, none; returns the outcome of each by its index.

    Raises
    ------
    FhirError
        The first failure, located in the bundle.
    """
    results: dict[int, Written] = {}
    deletes = [entry for entry in entries if entry.verb == "DELETE"]
    others = sorted(
        (entry for entry in entries if entry.verb != "DELETE"), key=lambda item: _ORDER[item.verb]
    )
    for entry in deletes:
        results[entry.index] = _located(work, entry, partial(run_entry, work))
    targets = _targets(work, others)
    names = {
        entry.full_url: f"{entry.type}/{targets[entry.index].id}"
        for entry in others
        if entry.full_url and entry.index in targets
    }
    for entry in others:
        if entry.verb in {"POST", "PUT"}:
            rewrite(entry.payload, names, work.settings.references_in_extensions)
            _located(work, entry, partial(_resolve, work))
        write = partial(_write, work, target=targets.get(entry.index))
        results[entry.index] = _located(work, entry, write)
    return results


def claims_of(entries: Sequence[Entry], records: Records) -> frozenset[Claim]:
    """Return what a transaction must have for itself: what it writes, or matches by identifier."""
    claims: set[Claim] = set()
    for entry in entries:
        if entry.verb == "GET":
            continue
        if entry.id:
            claims.add(Claim(entry.type, entry.id))
        # A criterion that cannot be read fails the transaction when its entry's turn comes.
        with contextlib.suppress(FhirError):
            if (criterion := entry.criterion) is None:
                continue
            claims.add(Claim(entry.type, f"{criterion.system}|{criterion.value}"))
            found = records.ids_by_identifier(entry.type, criterion.system, criterion.value)
            claims |= {Claim(entry.type, identifier) for identifier in found}
    return frozenset(claims)


def run_entry(work: Work, entry: Entry) -> Written:
    """Do one entry by itself."""
    if entry.verb in {"POST", "PUT"}:
        resolve_conditional(work, entry.payload)
    if entry.verb == "POST":
        return create(work, entry.payload, entry.conditions)
    if entry.verb == "GET":
        return Written(200, _read(work, entry))
    if criterion := entry.criterion:
        return _run_by_identifier(work, entry, criterion)
    return _run_by_id(work, entry)


def _run_by_id(work: Work, entry: Entry) -> Written:
    if entry.verb == "PUT":
        return update(work, entry.payload, entry.id, entry.conditions)
    if entry.verb == "PATCH":
        return patch(work, entry.type, entry.id, entry.payload, entry.conditions)
    return delete(work, entry.type, entry.id, entry.conditions)


def _run_by_identifier(work: Work, entry: Entry, criterion: IdentifierCriterion) -> Written:
    if entry.verb == "PUT":
        return conditional_update(work, entry.payload, criterion, entry.conditions)
    if entry.verb == "PATCH":
        return conditional_patch(work, entry.type, criterion, entry.payload, entry.conditions)
    return conditional_delete(work, entry.type, criterion)


def response_entry(settings_base: str, result: Written, *, representation: bool) -> Json:
    """Return the entry of a response bundle that reports one outcome."""
    status = f"{result.status} {HTTPStatus(result.status).phrase}"
    resource = result.resource
    if resource is None:
        return {"response": {"status": status}}
    meta = resource.get("meta", {})
    response: Json = {"status": status}
    if version := meta.get("versionId"):
        name = f"{resource['resourceType']}/{resource['id']}"
        response |= {
            "etag": f'W/"{version}"',
            "lastModified": meta["lastUpdated"],
            "location": f"{settings_base}/{name}/_history/{version}",
        }
    return (
        {"resource": resource, "response": response} if representation else {"response": response}
    )


def error_entry(error: FhirError) -> Json:
    """Return the entry of a batch response that reports a failure."""
    status = f"{error.status} {HTTPStatus(error.status).phrase}"
    return {"response": {"status": status, "outcome": error.outcome()}}


@dataclass(frozen=True)
class _Target:
    """The resource an entry writes: ``found`` if its criterion matched a stored one."""

    id: str
    found: bool
    criterion: IdentifierCriterion | None


def _targets(work: Work, entries: Sequence[Entry]) -> dict[int, _Target]:
    """Choose the id of every resource the bundle writes, before any reference is rewritten."""
    targets: dict[int, _Target] = {}
    taken: set[tuple[str, object]] = set()
    for entry in entries:
        if entry.verb == "GET":
            continue
        target = _located(work, entry, partial(_target, work))
        claims = {(entry.type, target.id), (entry.type, target.criterion or target.id)}
        if claims & taken:
            raise unparseable("another entry of the transaction writes the same resource").at(
                entry.place
            )
        taken |= claims
        targets[entry.index] = target
    return targets


def _target(work: Work, entry: Entry) -> _Target:
    criterion = entry.criterion
    if criterion is None:
        return _Target(entry.id or new_id(), False, None)
    found = work.find(entry.type, criterion)
    proposed = entry.payload.get("id") if entry.verb == "PUT" else None
    return _Target(found or proposed or new_id(), found is not None, criterion)


def _write(work: Work, entry: Entry, *, target: _Target | None) -> Written:
    # The criterion is not asked again: an earlier entry may have created what it would now match.
    if target is not None and entry.verb == "POST":
        found = target.id if target.found else None
        return create_or_keep(work, entry.payload, found, target.id)
    if target is not None and target.criterion and entry.verb == "PUT":
        found = target.id if target.found else None
        return update_or_create(work, entry.payload, found, entry.conditions, target.id)
    return run_entry(work, entry)


def _resolve(work: Work, entry: Entry) -> None:
    resolve_conditional(work, entry.payload)


def _read(work: Work, entry: Entry) -> Json:
    record = work.records.get(entry.type, entry.id)
    if len(entry.path) == 4 and record is not None:
        version = work.records.version(record.key, entry.path[3])
        if version is None or version.resource is None:
            raise not_found("/".join(entry.path))
        return version.resource
    return existing(work, entry.type, entry.id).resource


def _located(work: Work, entry: Entry, run: Callable[[Entry], _Result]) -> _Result:
    work.place = entry.place
    try:
        return run(entry)
    except FhirError as error:
        raise error.at(entry.place) from error
    finally:
        work.place = ""
