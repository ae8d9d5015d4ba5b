"""The parts of a DICOM store put together."""

from dataclasses import dataclass

from localcloud.healthcare.dicom.objects import ObjectReader
from localcloud.healthcare.operations import Operations
from localcloud.healthcare.stores import Resources
from localcloud.notify import Publisher
from localcloud.state.blobs import Blobs
from localcloud.state.database import Database


@dataclass(frozen=True)
class Surroundings:
    """What a DICOM store needs of the rest; `blobs` belongs to the DICOM stores alone."""

    database: Database
    blobs: Blobs
    publisher: Publisher
    objects: ObjectReader
    resources: Resources
    operations: Operations


def dicom_handlers(surroundings: Surroundings) -> list[object]:
    """Build what serves DICOMweb, import and metrics."""
    return []
