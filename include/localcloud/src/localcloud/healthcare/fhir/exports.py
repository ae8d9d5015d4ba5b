"""fhirStores.export: the resources of a store as newline-delimited JSON, one object for each type.

Source: fhirStores.export of healthcare.v1 and
https://cloud.google.com/healthcare-api/docs/how-tos/fhir-import-export
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from localcloud.healthcare.fhir.definitions import Definitions, Json
from localcloud.healthcare.fhir.records import Query
from localcloud.healthcare.fhir.temporal import date_range
from localcloud.healthcare.operations import UNKNOWN, OperationFailed, Progress
from localcloud.healthcare.resources import invalid
from localcloud.objects import CloudObjects

NDJSON = "application/fhir+ndjson"
_RESPONSE_TYPE = "type.googleapis.com/google.cloud.healthcare.v1.fhir.rest.ExportResourcesResponse"
_PREFIX = re.compile(r"gs://([^/*?]+)(?:/(.*))?", re.DOTALL)
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
# Google writes objects of any size; here one is in memory until it is whole.
MAX_OBJECT_BYTES = 2 << 30
_CHUNK = 500


@dataclass(frozen=True)
class Folder:
    """A Cloud Storage directory; ``prefix`` is empty or ends in a slash."""

    bucket: str
    prefix: str

    @classmethod
    def parse(cls, uri: str, field: str) -> Folder:
        """Read ``gs://BUCKET/DIR``.

        Raises
        ------
        GoogleError
            400, naming the field.
        """
        match = _PREFIX.fullmatch(uri)
        if match is None:
            raise invalid(f"invalid {field} {uri!r}: want gs://BUCKET/DIRECTORY")
        folder = (match[2] or "").rstrip("/")
        return cls(match[1], f"{folder}/" if folder else "")

    def uri(self, name: str) -> str:
        return f"gs://{self.bucket}/{self.prefix}{name}"


@dataclass(frozen=True)
class Filter:
    """Which resources: some types, or all if none is named, changed after a moment."""

    types: tuple[str, ...] = ()
    since: int = -1

    @classmethod
    def parse(cls, types: str, since: str, definitions: Definitions) -> Filter:
        """Read ``_type`` and ``_since``.

        Raises
        ------
        GoogleError
            400 for a type that R4 lacks, or a time without second or zone.
        """
        names = tuple(name.strip() for name in types.split(",") if name.strip())
        for name in names:
            if name not in definitions.resource_types:
                raise invalid(f"invalid _type: R4 has no resource type {name!r}")
        return cls(names, moment("_since", since) if since else -1)


def moment(name: str, text: str) -> int:
    """Return an instant in microseconds since 1970.

    Raises
    ------
    GoogleError
        400 when it lacks the second or the zone.
    """
    text = text.replace(" ", "+")
    try:
        if _INSTANT.fullmatch(text) is None:
            raise ValueError
        return date_range(text)[0]
    except ValueError as error:
        raise invalid(f"invalid {name} {text!r}: want YYYY-MM-DDThh:mm:ss.sss+zz:zz") from error


@dataclass(frozen=True)
class Selection:
    """The current resources of a store that a filter lets pass."""

    store: str
    filter: Filter
    query: Query

    def types(self) -> list[str]:
        """Return the types there are, sorted."""
        rows = self.query(
            "SELECT DISTINCT type FROM fhir_resource WHERE store = ? ORDER BY type", (self.store,)
        )
        wanted = self.filter.types
        return [row["type"] for row in rows if not wanted or row["type"] in wanted]

    def bodies(self, resource_type: str) -> Iterator[str]:
        """Yield the resources of a type as JSON, oldest change first."""
        version, key = self.filter.since, 1 << 62
        while rows := self.query(
            "SELECT version, key, body FROM fhir_resource WHERE store = ? AND type = ?"
            " AND NOT deleted AND (version, key) > (?, ?) AND replaced_at IS NULL"
            " ORDER BY version, key LIMIT ?",
            (self.store, resource_type, version, key, _CHUNK),
        ):
            yield from (row["body"] for row in rows)
            version, key = rows[-1]["version"], rows[-1]["key"]


class NdjsonFile:
    """Lines that become one object of Cloud Storage."""

    def __init__(self) -> None:
        self._content = io.BytesIO()

    def add(self, line: str) -> None:
        """Append one line.

        Raises
        ------
        OperationFailed
            When the object would become too large.
        """
        self._content.write(line.encode() + b"\n")
        if self._content.tell() > MAX_OBJECT_BYTES:
            message = f"one type has more than {MAX_OBJECT_BYTES} bytes: export with _since"
            raise OperationFailed(UNKNOWN, message)

    def write(self, objects: CloudObjects, folder: Folder, name: str) -> bool:
        """Store the object, unless there is not a line in it; returns whether there was."""
        data = self._content.getvalue()
        if data:
            objects.write(folder.bucket, folder.prefix + name, data, NDJSON)
        return bool(data)


@dataclass(frozen=True)
class Export:
    """The work of one export operation.

    Parameters
    ----------
    file_name
        With ``{type}`` where the resource type goes.
    """

    selection: Selection
    folder: Folder
    objects: CloudObjects
    file_name: str = "{type}.ndjson"

    def run(self, progress: Progress) -> Json:
        """Write every type to its object.

        Raises
        ------
        OperationFailed
            When somebody cancels; the objects written until then remain.
        GoogleError
            404 when the bucket does not exist.
        """
        self.write(progress)
        return {"@type": _RESPONSE_TYPE, "fhirStore": self.selection.store}

    def write(self, progress: Progress) -> Sequence[tuple[str, str]]:
        """Do the work; returns each type written with its file's name."""
        # A bucket that is not there fails the operation even when there is nothing to write.
        self.objects.list(self.folder.bucket, f"{self.folder.prefix}\0")
        written = []
        for resource_type in self.selection.types():
            file = NdjsonFile()
            for count, body in enumerate(self.selection.bodies(resource_type), start=1):
                file.add(body)
                progress.success += 1
                if count % _CHUNK == 0:
                    progress.checkpoint()
            name = self.file_name.format(type=resource_type)
            if file.write(self.objects, self.folder, name):
                written.append((resource_type, name))
            progress.checkpoint()
        return written
