"""The parts of a DICOM store put together."""

from __future__ import annotations

from dataclasses import dataclass

from localcloud.behaviour import BehaviourSwitch
from localcloud.healthcare.dicom.admin import DicomAdminMethods
from localcloud.healthcare.dicom.deidentify.methods import DeidentifyMethods
from localcloud.healthcare.dicom.deletions import Deletions
from localcloud.healthcare.dicom.index import Index
from localcloud.healthcare.dicom.ingest import Ingest
from localcloud.healthcare.dicom.jobs import DicomJobMethods
from localcloud.healthcare.dicom.notifications import Notifications
from localcloud.healthcare.dicom.retrieve import Retriever
from localcloud.healthcare.dicom.storage_classes import StorageClasses
from localcloud.healthcare.dicom.web import (
    DicomDeleteMethods,
    DicomRetrieveMethods,
    DicomStoreMethods,
)
from localcloud.healthcare.dicom.workshop import Workshop
from localcloud.healthcare.operations import Operations
from localcloud.healthcare.stores import DICOM, Resources
from localcloud.notify import TopicLookup
from localcloud.objects import CloudObjects
from localcloud.state.blobs import Blobs
from localcloud.state.database import Database
from localcloud.state.outbox import Outbox


@dataclass(frozen=True)
class Surroundings:
    """What a DICOM store needs of the rest; `blobs` belongs to the DICOM stores alone."""

    database: Database
    blobs: Blobs
    outbox: Outbox
    objects: CloudObjects
    resources: Resources
    operations: Operations
    behaviour: BehaviourSwitch
    topic_exists: TopicLookup


def dicom_handlers(around: Surroundings) -> list[object]:
    """Build what serves DICOMweb, import and metrics, and remove files nothing refers to."""
    index = Index(around.database, around.behaviour)
    classes = StorageClasses(around.database)
    # In this order: classes are found by the instances of the store.
    around.resources.on_delete(DICOM.collection, classes.forget_store)
    around.resources.on_delete(DICOM.collection, index.forget_store)
    around.blobs.sweep(index.digests())
    notifications = Notifications(around.outbox, around.resources, classes, around.topic_exists)
    deletions = Deletions(index, notifications, around.operations)
    ingest = Ingest(index, around.blobs, notifications, deletions)
    workshop = Workshop(
        index,
        around.blobs,
        ingest,
        classes,
        notifications,
        around.objects,
        around.resources,
        around.operations,
    )
    return [
        DicomStoreMethods(index, ingest, around.resources),
        DicomRetrieveMethods(index, Retriever(index, around.blobs), around.resources),
        DicomDeleteMethods(index, deletions, around.resources),
        DicomAdminMethods(index, classes, around.resources),
        DicomJobMethods(workshop),
        DeidentifyMethods(workshop),
    ]
