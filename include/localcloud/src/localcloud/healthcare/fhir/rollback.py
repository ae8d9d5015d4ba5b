"""fhirStores.rollback: resources become what they were at a point in time.

Google keeps a record of its own for this; here it is the history of versions, so a store without
versions cannot be rolled back, nor a resource whose history was purged.
Source: https://cloud.google.com/healthcare-api/docs/fhir-pitr and fhirStores.rollback of
healthcare.v1
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from localcloud.errors import GoogleError
from localcloud.healthcare.fhir.definitions import Definitions, Json
from localcloud.healthcare.fhir.exports import Filter, Folder, NdjsonFile, moment
from localcloud.healthcare.fhir.records import OVERWRITTEN
from localcloud.healthcare.fhir.settings import StoreSettings
from localcloud.healthcare.fhir.stores import FhirStores
from localcloud.healthcare.fhir.temporal import instant
from localcloud.healthcare.fhir.work import Work
from localcloud.healthcare.object_names import ObjectUri
from localcloud.healthcare.operations import Progress
from localcloud.healthcare.resources import invalid
from localcloud.objects import CloudObjects

_CHANGES = frozenset({"ALL", "CREATE", "UPDATE", "DELETE"})
_RESPONSE_TYPE = "type.googleapis.com/google.cloud.healthcare.v1.fhir.RollbackFhirResourcesResponse"
_CREATED = "201"


@dataclass(frozen=True)
class RollbackRequest:
    """What to roll back to when; ``time`` is in microseconds since 1970.

    ``force`` does it; without, a file says what would be done.
    """

    time: int
    change: str
    types: tuple[str, ...]
    results: Folder
    list_uri: ObjectUri | None
    force: bool

    @classmethod
    def parse(cls, body: Json, definitions: Definitions) -> RollbackRequest:
        """Read a RollbackFhirResourcesRequest.

        Raises
        ------
        GoogleError
            400 for what cannot be read, 501 for a filter that is not served.
        """
        if body.get("filteringFields") or body.get("excludeRollbacks"):
            message = "filteringFields and excludeRollbacks are not served by the local cloud"
            raise GoogleError.of(501, message)
        change = body.get("changeType") or "ALL"
        change = "ALL" if change == "CHANGE_TYPE_UNSPECIFIED" else change
        if change not in _CHANGES:
            raise invalid(f"invalid change_type {change!r}")
        source = body.get("inputGcsObject")
        return cls(
            moment("rollback_time", body.get("rollbackTime") or ""),
            change,
            Filter.parse(",".join(body.get("type") or []), "", definitions).types,
            Folder.parse(body.get("resultGcsBucket") or "", "result_gcs_bucket"),
            ObjectUri.parse(source, "input_gcs_object") if source else None,
            bool(body.get("force", False)),
        )


@dataclass(frozen=True)
class _Past:
    """A resource that changed since: what it was then, None when it did not exist."""

    type: str
    id: str
    version: int
    resource: Json | None
    change: str
    known: bool


@dataclass(frozen=True)
class Rollback:
    """The work of one rollback."""

    settings: StoreSettings
    request: RollbackRequest
    stores: FhirStores
    objects: CloudObjects

    def run(self, progress: Progress) -> Json:
        """Roll back, or say what would be rolled back; returns the operation's response.

        Raises
        ------
        GoogleError
            404 when a bucket or the list does not exist.
        OperationFailed
            When somebody cancels; what was rolled back until then stays so.
        """
        request = self.request
        report = NdjsonFile()
        named = self._named()
        for past in self._changed():
            if named is not None and f"{past.type}/{past.id}" not in named:
                continue
            if not past.known:
                progress.failure += 1
                continue
            report.add(f"{past.type},{past.id},{instant(past.version)}")
            if request.force:
                self.stores.write_each(self.settings, [partial(_restore, past)], quietly=True)
            progress.success += 1
            progress.checkpoint()
        folder = f"rollback_resources/{progress.name.rpartition('/')[2]}"
        results = Folder(request.results.bucket, f"{request.results.prefix}{folder}/")
        kind = "success" if request.force else "trial"
        report.write(self.objects, results, f"{kind}-1-of-1.txt")
        return {"@type": _RESPONSE_TYPE, "fhirStore": self.settings.name}

    def _named(self) -> frozenset[str] | None:
        if self.request.list_uri is None:
            return None
        data = self.objects.read(self.request.list_uri.bucket, self.request.list_uri.name)
        return frozenset(data.decode("utf-8", "replace").split())

    def _changed(self) -> Iterator[_Past]:
        rows = self.stores.query(
            "SELECT key, type, id, version, deleted FROM fhir_resource WHERE store = ?"
            " AND replaced_at IS NULL AND version > ? ORDER BY key",
            (self.settings.name, self.request.time),
        )
        for row in rows:
            if self.request.types and row["type"] not in self.request.types:
                continue
            past = self._past(row["key"], row["type"], row["id"], bool(row["deleted"]))
            if past is not None and self.request.change in {"ALL", past.change}:
                yield past

    def _past(self, key: int, resource_type: str, identifier: str, deleted: bool) -> _Past | None:
        then = self.stores.query(
            "SELECT version, body FROM fhir_version WHERE resource = ? AND version <= ?"
            " ORDER BY version DESC LIMIT 1",
            (key, self.request.time),
        )
        resource = json.loads(then[0]["body"]) if then and then[0]["body"] else None
        if resource is None and deleted:
            return None
        change = "CREATE" if resource is None else "DELETE" if deleted else "UPDATE"
        first = self.stores.query(
            "SELECT version, status FROM fhir_version WHERE resource = ? ORDER BY version LIMIT 1",
            (key,),
        )
        # Without an older version the resource is new, unless its history does not begin there; an
        # import since then may have overwritten what the resource was.
        known = bool(then) or (bool(first) and first[0]["status"] == _CREATED)
        known = known and not self.stores.query(
            "SELECT 1 FROM fhir_version WHERE resource = ? AND version > ? AND status = ?",
            (key, self.request.time, OVERWRITTEN),
        )
        version = then[0]["version"] if then else self.request.time
        return _Past(resource_type, identifier, version, resource, change, known)


def _restore(past: _Past, work: Work) -> None:
    work.restore(past.type, past.id, past.resource)
