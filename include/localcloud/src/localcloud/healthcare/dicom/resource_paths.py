"""What an operation works on: a whole store, a DICOMweb resource, or the resources in a list.

Source: https://cloud.google.com/healthcare-api/docs/reference/rest/v1/DicomFilterConfig
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from localcloud.errors import GoogleError
from localcloud.healthcare.dicom.index import Index, Instance, Scope
from localcloud.healthcare.object_names import ObjectUri
from localcloud.healthcare.operations import NOT_FOUND, OperationFailed
from localcloud.healthcare.resources import Json, invalid
from localcloud.objects import CloudObjects

MAX_LIST_BYTES = 16 << 20
_URI_FIELD = "filter_config.resource_paths_gcs_uri"
_UID = r"[0-9.]{1,64}"
_PATH = re.compile(rf"/?studies/({_UID})(?:/series/({_UID})(?:/instances/({_UID}))?)?")


def resource_uids(path: str) -> tuple[str, ...]:
    """Return the UIDs of a path such as ``/studies/U/series/U``, study first.

    Raises
    ------
    GoogleError
        400 when it names no study, series or instance.
    """
    match = _PATH.fullmatch(path)
    if match is None:
        raise invalid(
            f"invalid resource path {path[:200]!r}: want /studies/U[/series/U[/instances/U]]"
        )
    return tuple(uid for uid in match.groups() if uid)


@dataclass(frozen=True)
class Selection:
    """The instances of a scope, or of those resources in it that a list in a bucket names."""

    scope: Scope
    paths: ObjectUri | None = None

    @classmethod
    def of(cls, scope: Scope, filter_config: Json | None) -> Selection:
        """Read a request's ``filterConfig``, which needs a whole store to choose from.

        Raises
        ------
        GoogleError
            400 when its URI is malformed, or the scope is less than a store.
        """
        uri = (filter_config or {}).get("resourcePathsGcsUri") or ""
        if not uri:
            return cls(scope)
        if scope.uids:
            raise invalid("filter_config needs the name of a DICOM store as the resource")
        return cls(scope, ObjectUri.parse(uri, _URI_FIELD))

    def scopes(self, objects: CloudObjects) -> list[Scope]:
        """Return what is selected, each part once.

        Raises
        ------
        GoogleError
            404 when the list does not exist, 400 when a line of it is no resource path.
        """
        if self.paths is None:
            return [self.scope]
        listed = {resource_uids(line) for line in _lines(objects, self.paths)}
        wider = ({uids[:depth] for depth in range(1, len(uids))} for uids in listed)
        kept = [uids for uids, above in zip(listed, wider, strict=True) if not above & listed]
        return [Scope(self.scope.store, uids) for uids in sorted(kept)]


def count_instances(index: Index, selection: Selection, scopes: list[Scope]) -> int:
    """Return how many instances are selected now.

    Raises
    ------
    OperationFailed
        When a list names nothing that exists, which is a mistake rather than an empty store.
    """
    total = sum(index.metrics(scope)["instances"] for scope in scopes)
    if not total and selection.paths is not None:
        raise OperationFailed(NOT_FOUND, f"{_URI_FIELD} names no instance of the DICOM store")
    return total


def each_instance(index: Index, scopes: list[Scope]) -> Iterator[Instance]:
    """Iterate over instances, holding those of one study at a time."""
    for scope in scopes:
        parts = [scope] if scope.uids else _studies(index, scope.store)
        for part in parts:
            yield from index.instances(part)


def _studies(index: Index, store: str) -> list[Scope]:
    rows = index.database.read(
        "SELECT DISTINCT study FROM dicom_instances WHERE store = ?", (store,)
    )
    return [Scope(store, (row["study"],)) for row in rows]


def _lines(objects: CloudObjects, uri: ObjectUri) -> list[str]:
    if objects.size(uri.bucket, uri.name) > MAX_LIST_BYTES:
        raise invalid(f"the list in {_URI_FIELD} is longer than {MAX_LIST_BYTES} bytes")
    try:
        text = objects.read(uri.bucket, uri.name).decode()
    except UnicodeDecodeError as error:
        raise GoogleError.of(400, f"the list in {_URI_FIELD} is not text") from error
    return [line.strip() for line in text.splitlines() if line.strip()]
