"""dicomStores:import: objects of Cloud Storage become instances, in the background.

Source: https://cloud.google.com/healthcare-api/docs/reference/rest/v1/projects.locations.datasets.dicomStores/import
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from localcloud.errors import GoogleError
from localcloud.healthcare.dicom.batching import batches
from localcloud.healthcare.dicom.ingest import Ingest, Refused
from localcloud.healthcare.dicom.notifications import Action
from localcloud.healthcare.object_names import ObjectPattern
from localcloud.healthcare.operations import NOT_FOUND, UNKNOWN, OperationFailed, Progress
from localcloud.healthcare.resources import Json, invalid
from localcloud.objects import CloudObjects

IMPORT_RESPONSE = {
    "@type": "type.googleapis.com/google.cloud.healthcare.v1.dicom.ImportDicomDataResponse"
}

# Google takes files of 100 GB; here a file is in memory whole.
MAX_FILE_BYTES = 2 << 30
# There is no Cloud Logging to look in: an operation's error names the first failures itself.
_REPORTED_FAILURES = 5


@dataclass(frozen=True)
class _File:
    name: str
    data: bytes

    def __len__(self) -> int:
        return len(self.data)


@dataclass(frozen=True)
class Import:
    """The work of one import operation; a batch of files is in memory at a time."""

    store: str
    source: ObjectPattern
    storage_class: str
    objects: CloudObjects
    ingest: Ingest

    def run(self, progress: Progress) -> Json:
        """Import every matching object, a batch at a time.

        Raises
        ------
        OperationFailed
            When nothing matches, somebody cancels, or any object could not be stored; the
            instances stored until then remain.
        """
        source = self.source
        names = source.select(self.objects.list(source.bucket, source.prefix))
        if not names:
            raise OperationFailed(NOT_FOUND, "no object matches gcs_source.uri")
        progress.pending = len(names)
        progress.checkpoint()
        failures: list[str] = []
        for batch in batches(self._files(names, progress, failures)):
            self._import_batch(batch, progress, failures)
            progress.checkpoint()
        if progress.failure:
            raise OperationFailed(
                UNKNOWN,
                f"{progress.failure} of {len(names)} files could not be imported;"
                f" {progress.success} were imported. The first failures: {'; '.join(failures)}",
            )
        return IMPORT_RESPONSE

    def _files(
        self, names: Sequence[str], progress: Progress, failures: list[str]
    ) -> Iterator[_File]:
        for name in names:
            # An object deleted since the listing is a failed file, not a failed operation.
            try:
                yield _File(name, self._read(name))
            except GoogleError as error:
                self._count_failure(name, error.message, progress, failures)
                progress.pending -= 1

    def _count_failure(
        self, name: str, detail: str, progress: Progress, failures: list[str]
    ) -> None:
        progress.failure += 1
        if len(failures) < _REPORTED_FAILURES:
            failures.append(f"gs://{self.source.bucket}/{name}: {detail}")

    def _read(self, name: str) -> bytes:
        bucket = self.source.bucket
        if self.objects.size(bucket, name) > MAX_FILE_BYTES:
            raise invalid(f"the file is larger than {MAX_FILE_BYTES} bytes")
        return self.objects.read(bucket, name)

    def _import_batch(
        self, files: Sequence[_File], progress: Progress, failures: list[str]
    ) -> None:
        contents = [file.data for file in files]
        outcomes = self.ingest.store(
            self.store, contents, Action.IMPORT, storage_class=self.storage_class
        )
        for file, outcome in zip(files, outcomes, strict=True):
            if isinstance(outcome, Refused):
                self._count_failure(file.name, outcome.detail, progress, failures)
            else:
                progress.success += 1
        progress.pending -= len(files)
