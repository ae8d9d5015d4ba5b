"""One unit of work: everything a request, or a transaction bundle, changes at once.

Reads and writes go through the one write transaction of the database, so concurrent conditional
creates see each other; references are checked at the end, when all of a bundle's resources exist.
"""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from localcloud.healthcare.fhir.criteria import IdentifierCriterion
from localcloud.healthcare.fhir.definitions import Definitions, Json
from localcloud.healthcare.fhir.index import index_rows
from localcloud.healthcare.fhir.outcomes import (
    FhirError,
    conflict,
    invalid_query,
    precondition_failed,
)
from localcloud.healthcare.fhir.profiles import Profiles
from localcloud.healthcare.fhir.records import (
    OVERWRITTEN,
    Record,
    Records,
    State,
    Version,
    purge,
    save,
    save_version,
    version_id,
)
from localcloud.healthcare.fhir.references import is_unresolved, parse_local, references
from localcloud.healthcare.fhir.settings import StoreSettings
from localcloud.healthcare.fhir.temporal import instant

Clock = Callable[[], int]


@dataclass(frozen=True)
class Change:
    """What happened to one resource, for those who are notified."""

    action: str
    resource: Json
    version: int
    place: str = ""


@dataclass
class Work:
    """Writes to one store within the transaction `tx`.

    Parameters
    ----------
    now
        Microseconds since 1970.
    lag
        Microseconds until searches see what is written.
    """

    tx: sqlite3.Connection
    settings: StoreSettings
    definitions: Definitions
    now: Clock
    lag: int = 0
    changes: list[Change] = field(default_factory=list)
    place: str = ""

    def __post_init__(self) -> None:
        self.records = Records(
            self.settings.name, lambda sql, values: self.tx.execute(sql, values).fetchall()
        )

    def find(self, resource_type: str, criterion: IdentifierCriterion) -> str | None:
        """Return the id of the one resource that matches, None when there is none.

        Raises
        ------
        FhirError
            412 when several match; 400 when the type cannot be searched by identifier.
        """
        if not self.definitions.has_identifier(resource_type):
            raise invalid_query(f"{resource_type} has no search parameter identifier")
        ids = self.records.ids_by_identifier(resource_type, criterion.system, criterion.value)
        if len(ids) > 1:
            raise precondition_failed(
                f"more than one {resource_type} matches the identifier: make it unique first"
            )
        return ids[0] if ids else None

    def check_profiles(self, resource: Json) -> None:
        """Check a resource against the implementation guides that the store enables.

        Raises
        ------
        FhirError
            400 when it conforms to none of their profiles for its type.
        """
        if guides := self.settings.checks.guides:
            Profiles(self.settings.name, self.records.query).check_guides(resource, guides)

    def insert(self, resource: Json, identifier: str | None = None) -> Json:
        """Store a new resource under a given or a new id."""
        self.check_profiles(resource)
        resource = {**resource, "id": identifier or new_id()}
        return self._store(resource, None, "CreateResource", "POST", "201")

    def replace(self, resource: Json, current: Record | None, action: str, verb: str) -> Json:
        """Store a new version of a resource, reviving a deleted one."""
        self.check_profiles(resource)
        return self._replace(resource, current, action, verb)

    def _replace(self, resource: Json, current: Record | None, action: str, verb: str) -> Json:
        status = "200" if current and not current.deleted else "201"
        action = action if status == "200" else "CreateResource"
        return self._store(resource, current, action, verb, status)

    def remove(self, current: Record) -> None:
        """Delete a resource; its versions stay unless the store keeps none."""
        version = self._bury(current)
        self.changes.append(Change("DeleteResource", current.resource, version, self.place))

    def overwrite(self, resource: Json) -> None:
        """Put a resource in the place of its newest version, which leaves no trace; tells nobody.

        So does fhirStores.import.
        """
        current = self.records.get(resource["resourceType"], resource["id"])
        status = "201"
        if current is not None and not current.deleted:
            status = OVERWRITTEN
            self.tx.execute(
                "DELETE FROM fhir_version WHERE resource = ? AND version = ?",
                (current.key, current.version),
            )
        self._store(resource, current, "UpdateResource", "PUT", status)
        self.changes.pop()

    def restore(self, resource_type: str, identifier: str, resource: Json | None) -> None:
        """Make a resource what it was, as a new version, or delete it; tells nobody."""
        current = self.records.get(resource_type, identifier)
        if resource is not None:
            self._replace(resource, current, "UpdateResource", "PUT")
            self.changes.pop()
        elif current is not None and not current.deleted:
            self._bury(current)

    def wipe(self, current: Record, *, newest: bool, history: bool) -> None:
        """Delete the newest version of a resource, its history, or both; tells nobody."""
        if newest:
            self._bury(current)
        if newest and history:
            self.tx.execute("DELETE FROM fhir_resource WHERE key = ?", (current.key,))
        elif history:
            purge(self.tx, current)

    def _bury(self, current: Record) -> int:
        version = self._next_version(current)
        body = {key: current.resource[key] for key in ("resourceType", "id")}
        state = State(body, version, self._visible_at(version, current), deleted=True)
        key = save(self.tx, self.settings.name, state, current)
        if self.settings.versioning:
            save_version(self.tx, key, Version(version, "DELETE", "200", None))
        else:
            self.tx.execute("DELETE FROM fhir_resource WHERE key = ?", (key,))
        return version

    def check_references(self) -> None:
        """Fail if the changes leave a reference without a target.

        Raises
        ------
        FhirError
            400 for a reference to nothing, 409 for a deletion of something referred to.
        """
        if not self.settings.referential_integrity:
            return
        for change in self.changes:
            try:
                self._check_change(change)
            except FhirError as error:
                raise (error.at(change.place) if change.place else error) from error

    def _check_change(self, change: Change) -> None:
        name = f"{change.resource['resourceType']}/{change.resource['id']}"
        if change.action == "DeleteResource":
            current = self.records.get(change.resource["resourceType"], change.resource["id"])
            gone = current is None or current.deleted
            if gone and self.records.is_referenced(name, current.key if current else 0):
                raise conflict(f"{name} is referenced by other resources: remove those first")
            return
        for _, text in references(change.resource, self.settings.references_in_extensions):
            local = parse_local(text, self.settings.base)
            missing = local and not self.records.exists(local.type, local.id, local.version)
            if missing or is_unresolved(text):
                raise _dangling(text, self.settings.base)

    def _store(
        self, resource: Json, current: Record | None, action: str, verb: str, status: str
    ) -> Json:
        version = self._next_version(current)
        meta = {**(resource.get("meta") or {})}
        meta |= {"lastUpdated": instant(version), "versionId": version_id(version)}
        resource = {**resource, "meta": meta}
        base = self.settings.base
        targets = {
            local.name
            for _, text in references(resource, self.settings.references_in_extensions)
            if (local := parse_local(text, base))
        }
        rows = index_rows(resource, self.definitions, base)
        state = State(resource, version, self._visible_at(version, current), rows, targets)
        key = save(self.tx, self.settings.name, state, current)
        if self.settings.versioning:
            save_version(self.tx, key, Version(version, verb, status, resource))
        self.changes.append(Change(action, resource, version, self.place))
        return resource

    def _visible_at(self, version: int, current: Record | None) -> int:
        # The index takes the changes of a resource in order, even when the lag was shortened.
        earlier = current.visible_at if current and self.lag else 0
        return max(version + self.lag, earlier)

    def _next_version(self, current: Record | None) -> int:
        # Two writes within a microsecond, or a clock set back, must still be in order.
        return max(self.now(), current.version + 1 if current else 0)


def new_id() -> str:
    return str(uuid.uuid4())


def _dangling(text: str, base: str) -> FhirError:
    local = parse_local(text, base)
    if local is not None:
        hint = f"reference to {local.name} which does not exist: create it first"
    elif text.startswith("urn:"):
        hint = "unresolved urn reference: no entry of a transaction bundle has it as fullUrl"
    else:
        hint = "a conditional reference is resolved in a bundle only: refer to the literal id"
    return FhirError(400, "value", "reference_not_found", hint)
