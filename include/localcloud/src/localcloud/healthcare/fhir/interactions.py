"""Create, update, patch and delete, conditional or not, with Google's limits.

Source: the fhir methods of the healthcare.v1 discovery document and
https://hl7.org/fhir/R4/http.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from localcloud.healthcare.fhir.criteria import IdentifierCriterion, parse_criterion
from localcloud.healthcare.fhir.definitions import Json
from localcloud.healthcare.fhir.json_patch import apply_patch
from localcloud.healthcare.fhir.outcomes import (
    FhirError,
    deleted,
    invalid_resource,
    not_found,
    precondition_failed,
)
from localcloud.healthcare.fhir.records import Record
from localcloud.healthcare.fhir.validation import check_resource
from localcloud.healthcare.fhir.work import Work


@dataclass(frozen=True)
class Conditions:
    """The precondition headers of a write, or their spelling in a bundle entry."""

    if_match: str = ""
    if_none_match: str = ""
    if_none_exist: str = ""

    @classmethod
    def of_headers(cls, headers: Mapping[str, str]) -> Conditions:
        return cls(
            headers.get("if-match", ""),
            headers.get("if-none-match", ""),
            headers.get("if-none-exist", ""),
        )

    @property
    def criterion(self) -> IdentifierCriterion | None:
        return parse_criterion(self.if_none_exist) if self.if_none_exist else None

    def check(self, current: Record | None) -> None:
        """Compare the stored version with ``If-Match`` and ``If-None-Match``.

        Raises
        ------
        FhirError
            412 when the stored version is not the expected one.
        """
        version = current.version_id if current and not current.deleted else None
        if self.if_match and version not in tags(self.if_match):
            raise precondition_failed(
                "the stored version is not the one in If-Match: read the resource again"
            )
        exists_already = "*" in self.if_none_match and version is not None
        if exists_already or (version and version in tags(self.if_none_match)):
            raise precondition_failed("a version that If-None-Match excludes is stored")


NO_CONDITIONS = Conditions()


@dataclass(frozen=True)
class Written:
    """The outcome of a write; no resource after a deletion."""

    status: int
    resource: Json | None = None


def tags(header: str) -> set[str]:
    """Return the version ids in a list of entity tags such as ``W/"abc"``."""
    return {tag.strip().removeprefix("W/").strip('"') for tag in header.split(",")}


def create(work: Work, resource: Json, conditions: Conditions = NO_CONDITIONS) -> Written:
    """Create, unless ``If-None-Exist`` finds the resource."""
    criterion = conditions.criterion
    found = work.find(resource["resourceType"], criterion) if criterion else None
    return create_or_keep(work, resource, found)


def create_or_keep(
    work: Work, resource: Json, found: str | None, identifier: str | None = None
) -> Written:
    """Return the resource already found, or create it.

    Parameters
    ----------
    identifier
        The id chosen beforehand by a transaction; otherwise the store chooses one.
    """
    if found is not None and (record := work.records.get(resource["resourceType"], found)):
        return Written(200, record.resource)
    return Written(201, work.insert(resource, identifier))


def update(
    work: Work, resource: Json, identifier: str, conditions: Conditions = NO_CONDITIONS
) -> Written:
    """Replace a resource, or create it where the store has ``enableUpdateCreate``."""
    if resource.get("id") != identifier:
        raise invalid_resource(
            "value", "the id in the body must be the id in the path", "Resource.id"
        )
    current = work.records.get(resource["resourceType"], identifier)
    conditions.check(current)
    name = f"{resource['resourceType']}/{identifier}"
    if (current is None or current.deleted) and not work.settings.update_create:
        raise deleted(name) if current else not_found(name)
    status = 200 if current and not current.deleted else 201
    return Written(status, work.replace(resource, current, "UpdateResource", "PUT"))


def conditional_update(
    work: Work,
    resource: Json,
    criterion: IdentifierCriterion,
    conditions: Conditions = NO_CONDITIONS,
) -> Written:
    """Replace the one resource that has the identifier, or create it."""
    found = work.find(resource["resourceType"], criterion)
    return update_or_create(work, resource, found, conditions)


def update_or_create(
    work: Work,
    resource: Json,
    found: str | None,
    conditions: Conditions = NO_CONDITIONS,
    identifier: str | None = None,
) -> Written:
    """Replace the resource found, or create it.

    Parameters
    ----------
    identifier
        The id chosen beforehand by a transaction for a resource that does not exist.
    """
    proposed = resource.get("id")
    if found is None:
        if proposed:
            return update(work, resource, proposed, conditions)
        conditions.check(None)
        return Written(201, work.insert(resource, identifier))
    if proposed not in (None, found):
        raise invalid_resource(
            "value", "the id in the body is not that of the matching resource", "Resource.id"
        )
    return update(work, {**resource, "id": found}, found, conditions)


def patch(
    work: Work,
    resource_type: str,
    identifier: str,
    operations: object,
    conditions: Conditions = NO_CONDITIONS,
) -> Written:
    """Apply a JSON Patch to a resource; the result must be valid too."""
    current = existing(work, resource_type, identifier)
    conditions.check(current)
    result = apply_patch(current.resource, operations)
    resource = check_resource(result, work.definitions, work.settings.checks, work.settings.base)
    if (resource["resourceType"], resource.get("id")) != (resource_type, identifier):
        raise invalid_resource("value", "a patch cannot change the type or the id of a resource")
    return Written(200, work.replace(resource, current, "PatchResource", "PATCH"))


def conditional_patch(
    work: Work,
    resource_type: str,
    criterion: IdentifierCriterion,
    operations: object,
    conditions: Conditions = NO_CONDITIONS,
) -> Written:
    """Patch the one resource that has the identifier."""
    found = work.find(resource_type, criterion)
    if found is None:
        raise FhirError(
            404, "not-found", "resource_not_found", f"no {resource_type} has the identifier"
        )
    return patch(work, resource_type, found, operations, conditions)


def delete(
    work: Work, resource_type: str, identifier: str, conditions: Conditions = NO_CONDITIONS
) -> Written:
    """Delete a resource; deleting what is not there succeeds."""
    current = work.records.get(resource_type, identifier)
    conditions.check(current)
    if current is not None and not current.deleted:
        work.remove(current)
    return Written(200)


def conditional_delete(work: Work, resource_type: str, criterion: IdentifierCriterion) -> Written:
    """Delete the one resource that has the identifier, if there is one."""
    found = work.find(resource_type, criterion)
    return delete(work, resource_type, found) if found is not None else Written(200)


def existing(work: Work, resource_type: str, identifier: str) -> Record:
    """Return a live resource.

    Raises
    ------
    FhirError
        410 when it was deleted, 404 when it never existed.
    """
    record = work.records.get(resource_type, identifier)
    name = f"{resource_type}/{identifier}"
    if record is None:
        raise not_found(name)
    if record.deleted:
        raise deleted(name)
    return record
