"""fhirStores.bulkDelete: many resources, their history, or both, are gone at once.

Nobody is notified and references are not checked: neither is documented for this method.
Source: fhirStores.bulkDelete of healthcare.v1
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from functools import partial

from localcloud.healthcare.fhir.definitions import Json
from localcloud.healthcare.fhir.exports import Filter, Folder, NdjsonFile
from localcloud.healthcare.fhir.settings import StoreSettings
from localcloud.healthcare.fhir.stores import FhirStores
from localcloud.healthcare.fhir.work import Work
from localcloud.healthcare.operations import EMPTY, Progress
from localcloud.healthcare.resources import invalid
from localcloud.objects import CloudObjects

_BATCH = 200
VERSION_CONFIGS = frozenset({"ALL", "CURRENT_ONLY", "HISTORY_ONLY"})


def version_config(text: str) -> str:
    """Return which versions to delete; all unless said otherwise.

    Raises
    ------
    GoogleError
        400 for what the API does not know.
    """
    chosen = "ALL" if text in {"", "VERSION_CONFIG_UNSPECIFIED"} else text
    if chosen not in VERSION_CONFIGS:
        raise invalid(f"invalid version_config {text!r}")
    return chosen


@dataclass(frozen=True)
class BulkDelete:
    """The work of one bulk deletion; ``until`` is in microseconds since 1970."""

    settings: StoreSettings
    chosen: Filter
    until: int
    versions: str
    dry_run: bool
    stores: FhirStores
    objects: CloudObjects
    folder: Folder | None = None

    def run(self, progress: Progress) -> Json:
        """Delete, or only say what would be deleted, type by type.

        Raises
        ------
        OperationFailed
            When somebody cancels; what was deleted until then stays deleted.
        """
        for resource_type in self._types():
            report = NdjsonFile()
            after = 0
            while rows := self._rows(resource_type, after):
                after = rows[-1]["key"]
                for row in rows:
                    report.add(f"{resource_type}/{row['id']}")
                if not self.dry_run:
                    self.stores.write(self.settings, partial(self._delete, rows))
                progress.success += len(rows) * (self.versions != "HISTORY_ONLY")
                progress.secondary_success += sum(row["older"] for row in rows)
                progress.checkpoint()
            if self.folder is not None:
                report.write(self.objects, self.folder, f"{resource_type}.txt")
        return EMPTY

    def _types(self) -> list[str]:
        rows = self.stores.query(
            "SELECT DISTINCT type FROM fhir_resource WHERE store = ? ORDER BY type",
            (self.settings.name,),
        )
        wanted = self.chosen.types
        return [row["type"] for row in rows if not wanted or row["type"] in wanted]

    def _rows(self, resource_type: str, after: int) -> list[sqlite3.Row]:
        counted = self.versions != "CURRENT_ONLY"
        return self.stores.query(
            "SELECT r.key, r.type, r.id, ? * (SELECT count(*) FROM fhir_version v"
            " WHERE v.resource = r.key AND v.version <> r.version) AS older FROM fhir_resource r"
            " WHERE r.store = ? AND r.type = ? AND NOT r.deleted AND r.replaced_at IS NULL"
            " AND r.version <= ? AND r.key > ? ORDER BY r.key LIMIT ?",
            (counted, self.settings.name, resource_type, self.until, after, _BATCH),
        )

    def _delete(self, rows: list[sqlite3.Row], work: Work) -> None:
        for row in rows:
            record = work.records.get(row["type"], row["id"])
            if record is not None and not record.deleted:
                work.wipe(
                    record,
                    newest=self.versions != "HISTORY_ONLY",
                    history=self.versions != "CURRENT_ONLY",
                )
