"""What the work of DICOM operations needs, handed around as one."""

from __future__ import annotations

from dataclasses import dataclass

from localcloud.healthcare.dicom.index import Index
from localcloud.healthcare.dicom.ingest import Ingest
from localcloud.healthcare.dicom.notifications import Notifications
from localcloud.healthcare.dicom.storage_classes import StorageClasses
from localcloud.healthcare.operations import Operations
from localcloud.healthcare.stores import Resources
from localcloud.objects import CloudObjects
from localcloud.state.blobs import Blobs


@dataclass(frozen=True)
class Workshop:
    """The parts of the DICOM stores, as ``dicom_handlers`` puts them together."""

    index: Index
    blobs: Blobs
    ingest: Ingest
    classes: StorageClasses
    notifications: Notifications
    objects: CloudObjects
    resources: Resources
    operations: Operations
