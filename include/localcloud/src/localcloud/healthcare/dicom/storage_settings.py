"""setBlobStorageSettings: instances move to another storage class, in the background.

Source: https://cloud.google.com/healthcare-api/docs/reference/rest/v1/projects.locations.datasets.dicomStores/setBlobStorageSettings
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from localcloud.healthcare.dicom.index import Index, Instance
from localcloud.healthcare.dicom.notifications import Notifications
from localcloud.healthcare.dicom.resource_paths import (
    Selection,
    count_instances,
    each_instance,
)
from localcloud.healthcare.dicom.storage_classes import StorageClasses
from localcloud.healthcare.operations import Progress
from localcloud.healthcare.resources import Json
from localcloud.objects import CloudObjects

SETTINGS_RESPONSE = {
    "@type": ("type.googleapis.com/google.cloud.healthcare.v1.dicom.SetBlobStorageSettingsResponse")
}
_BATCH_INSTANCES = 200


@dataclass(frozen=True)
class StorageClassChange:
    """The work of one operation that moves instances to a storage class."""

    selection: Selection
    wanted: str
    index: Index
    classes: StorageClasses
    notifications: Notifications
    objects: CloudObjects

    def run(self, progress: Progress) -> Json:
        """Move every selected instance; one that has the class already is told to nobody."""
        scopes = self.selection.scopes(self.objects)
        progress.pending = count_instances(self.index, self.selection, scopes)
        progress.save()
        instances = each_instance(self.index, scopes)
        while batch := list(islice(instances, _BATCH_INSTANCES)):
            progress.checkpoint()
            self._move(batch)
            progress.success += len(batch)
            progress.pending = max(0, progress.pending - len(batch))
        return SETTINGS_RESPONSE

    def _move(self, batch: Sequence[Instance]) -> None:
        with self.index.database.write() as tx:
            previous = self.classes.of_each(tx, batch)
            moved = [one for one in batch if previous[one.id] != self.wanted]
            store = self.selection.scope.store
            self.notifications.record_class_change(tx, store, previous, moved, self.wanted)
        self.notifications.flush()
