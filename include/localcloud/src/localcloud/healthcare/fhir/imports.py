"""fhirStores.import: files of Cloud Storage become resources, in the background.

An import overwrites, checks no references, tells nobody and undoes nothing.
Source: fhirStores.import of healthcare.v1 and
https://cloud.google.com/healthcare-api/docs/concepts/fhir-import
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from localcloud.errors import GoogleError
from localcloud.healthcare.fhir.definitions import Json
from localcloud.healthcare.fhir.outcomes import FhirError, invalid_resource, unparseable
from localcloud.healthcare.fhir.settings import StoreSettings
from localcloud.healthcare.fhir.stores import FhirStores
from localcloud.healthcare.fhir.validation import check_resource
from localcloud.healthcare.fhir.wire import decode
from localcloud.healthcare.fhir.work import Work
from localcloud.healthcare.object_names import ObjectPattern
from localcloud.healthcare.operations import NOT_FOUND, UNKNOWN, OperationFailed, Progress
from localcloud.objects import CloudObjects

STRUCTURES = frozenset({"BUNDLE", "RESOURCE", "BUNDLE_PRETTY", "RESOURCE_PRETTY"})
_RESPONSE_TYPE = "type.googleapis.com/google.cloud.healthcare.v1.fhir.rest.ImportResourcesResponse"
# Google bounds no file; here a file is in memory, and so is one JSON document of it as objects.
MAX_FILE_BYTES = 1 << 30
MAX_DOCUMENT_BYTES = 50 << 20
# What shares a transaction, and so how often the counters move.
_BATCH = 200
_REPORTED_FAILURES = 5


@dataclass(frozen=True)
class _Failure:
    """Something that is no resource, and where it is."""

    place: str
    error: FhirError | GoogleError

    def __str__(self) -> str:
        text = self.error.diagnostics if isinstance(self.error, FhirError) else self.error.message
        return f"{self.place}: {text}"


@dataclass(frozen=True)
class _Found:
    """A valid resource, and where it is."""

    place: str
    resource: Json


@dataclass(frozen=True)
class Import:
    """The work of one import operation."""

    settings: StoreSettings
    structure: str
    source: ObjectPattern
    objects: CloudObjects
    stores: FhirStores

    def run(self, progress: Progress) -> Json:
        """Import every resource of every matching file, a batch at a time.

        Raises
        ------
        OperationFailed
            When nothing matches, somebody cancels, or any resource could not be imported; the
            others remain.
        """
        names = self.source.select(self.objects.list(self.source.bucket, self.source.prefix))
        if not names:
            raise OperationFailed(NOT_FOUND, "no object matches gcs_source.uri")
        failures: list[str] = []
        batch: list[_Found] = []
        for name in names:
            for unit in self._units(name):
                if isinstance(unit, _Failure):
                    _count_failure(unit, progress, failures)
                    continue
                batch.append(unit)
                if len(batch) == _BATCH:
                    self._store(batch, progress, failures)
                    batch = []
        self._store(batch, progress, failures)
        if progress.failure:
            raise OperationFailed(
                UNKNOWN,
                f"{progress.failure} resources could not be imported; {progress.success} were."
                f" The first: {'; '.join(failures)}",
            )
        return {"@type": _RESPONSE_TYPE, "fhirStore": self.settings.name}

    def _store(self, batch: list[_Found], progress: Progress, failures: list[str]) -> None:
        runs = [partial(_overwrite, found.resource) for found in batch]
        results = self.stores.write_each(self.settings, runs, quietly=True)
        for found, result in zip(batch, results, strict=True):
            if isinstance(result, FhirError):
                _count_failure(_Failure(found.place, result), progress, failures)
            else:
                progress.success += 1
        progress.checkpoint()

    def _units(self, name: str) -> Iterator[_Found | _Failure]:
        uri = f"gs://{self.source.bucket}/{name}"
        try:
            data = self._read(name)
        except (GoogleError, FhirError) as error:
            yield _Failure(uri, error)
            return
        for place, text in _documents(self.structure, uri, data):
            try:
                document = decode(_bounded(text))
            except FhirError as error:
                yield _Failure(place, error)
                continue
            if self.structure.startswith("BUNDLE"):
                yield from self._entries(place, document)
            else:
                yield self._checked(place, document)

    def _read(self, name: str) -> bytes:
        if self.objects.size(self.source.bucket, name) > MAX_FILE_BYTES:
            raise unparseable(f"the file is larger than {MAX_FILE_BYTES} bytes")
        return self.objects.read(self.source.bucket, name)

    def _entries(self, place: str, bundle: object) -> Iterator[_Found | _Failure]:
        problem = _bundle_problem(bundle)
        if problem or not isinstance(bundle, dict):
            yield _Failure(place, unparseable(problem))
            return
        for index, entry in enumerate(bundle.get("entry") or []):
            resource = entry.get("resource") if isinstance(entry, dict) else None
            yield self._checked(f"{place} entry {index}", resource)

    def _checked(self, place: str, document: object) -> _Found | _Failure:
        settings = self.settings
        try:
            resource = check_resource(
                document, self.stores.definitions, settings.checks, settings.base
            )
            if not resource.get("id"):
                raise invalid_resource("required", "a resource to import must have an id")
        except FhirError as error:
            return _Failure(place, error)
        return _Found(place, resource)


def _overwrite(resource: Json, work: Work) -> None:
    work.overwrite(resource)


def _count_failure(failure: _Failure, progress: Progress, failures: list[str]) -> None:
    progress.failure += 1
    if len(failures) < _REPORTED_FAILURES:
        failures.append(str(failure))


def _documents(structure: str, uri: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    if structure.endswith("_PRETTY"):
        yield uri, data
        return
    for number, line in enumerate(io.BytesIO(data), start=1):
        if line.strip():
            yield f"{uri} line {number}", line


def _bounded(text: bytes) -> bytes:
    if len(text) > MAX_DOCUMENT_BYTES:
        raise unparseable(f"a JSON document is larger than {MAX_DOCUMENT_BYTES} bytes")
    return text


def _bundle_problem(bundle: object) -> str:
    if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle":
        return "want a Bundle: set contentStructure to RESOURCE for single resources"
    if bundle.get("type") == "history":
        return "a history bundle cannot be imported"
    return "" if isinstance(bundle.get("entry") or [], list) else "want an array of entries"
