"""deidentify: instances become instances of another store without their patient.

Source: https://cloud.google.com/healthcare-api/docs/how-tos/dicom-deidentify
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from localcloud.healthcare.dicom.batching import batches
from localcloud.healthcare.dicom.deidentify.config import deidentifier_of, read_config
from localcloud.healthcare.dicom.deidentify.instance import Deidentifier, TextRedaction
from localcloud.healthcare.dicom.deidentify.text_regions import require_reader
from localcloud.healthcare.dicom.index import Index, Instance
from localcloud.healthcare.dicom.ingest import Ingest, Stored
from localcloud.healthcare.dicom.notifications import Action
from localcloud.healthcare.dicom.resource_paths import (
    Selection,
    count_instances,
    each_instance,
)
from localcloud.healthcare.object_names import ObjectUri
from localcloud.healthcare.operations import UNKNOWN, OperationFailed, Progress
from localcloud.healthcare.resources import Json
from localcloud.objects import CloudObjects
from localcloud.state.blobs import Blobs

_SUMMARY = "type.googleapis.com/google.cloud.healthcare.v1.deidentify"
STORE_RESPONSE = {"@type": f"{_SUMMARY}.DeidentifyDicomStoreSummary"}
DATASET_RESPONSE = {"@type": f"{_SUMMARY}.DeidentifySummary"}


@dataclass(frozen=True)
class Copying:
    """What is copied into which store."""

    selection: Selection
    destination: str


@dataclass(frozen=True)
class Deidentification:
    """The work of one operation; a batch of instances is in memory at a time.

    Parameters
    ----------
    config
        The configuration itself, or where it lies.
    prepare
        Returns what to copy, having made the stores that are to receive it.
    """

    config: Json | ObjectUri
    prepare: Callable[[], Sequence[Copying]]
    response: Json
    index: Index
    blobs: Blobs
    ingest: Ingest
    objects: CloudObjects

    def run(self, progress: Progress) -> Json:
        """Copy every instance; one that cannot be de-identified is counted and left out.

        Raises
        ------
        OperationFailed
            When not a single instance could be de-identified, or somebody cancels.
        GoogleError
            When the configuration, the list of resources or text in pictures cannot be read.
        """
        deidentifier = deidentifier_of(self._config())
        if deidentifier.redaction is not TextRedaction.NONE:
            require_reader()
        work = [(copying, copying.selection.scopes(self.objects)) for copying in self.prepare()]
        progress.pending = sum(
            count_instances(self.index, copying.selection, scopes) for copying, scopes in work
        )
        progress.save()
        for copying, scopes in work:
            instances = each_instance(self.index, scopes)
            for batch in batches(self._copies(instances, deidentifier, progress)):
                self._store(copying.destination, batch, progress)
                progress.checkpoint()
        if progress.failure and not progress.success:
            raise OperationFailed(UNKNOWN, "no instance could be de-identified")
        return self.response

    def _config(self) -> Json:
        if isinstance(self.config, ObjectUri):
            return read_config(self.objects, self.config)
        return self.config

    def _copies(
        self, instances: Iterator[Instance], deidentifier: Deidentifier, progress: Progress
    ) -> Iterator[bytes]:
        for instance in instances:
            progress.breathe()
            try:
                yield deidentifier.copy(self.blobs.read(instance.sha256))
            except Exception:
                # Stored files are what nobody vouches for. None may end the operation, and one
                # that is not understood may not be copied.
                progress.failure += 1
                progress.pending -= 1

    def _store(self, destination: str, batch: Sequence[bytes], progress: Progress) -> None:
        outcomes = self.ingest.store(destination, batch, Action.DEIDENTIFY)
        stored = sum(isinstance(outcome, Stored) for outcome in outcomes)
        progress.success += stored
        progress.failure += len(outcomes) - stored
        progress.pending -= len(outcomes)
