"""Which arriving files make up which study, and when a study is complete.

A sender's folder may hold several studies, and one study may span folders. A file that cannot be
read belongs to the study whose file reached its folder first, so that it is counted once and stays
with the study even when another one joins the folder.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from wetread.core.headers import Header, Refusal, header_from_dict

INCOMING = "incoming/"
COMPLETE_MARKER = "_COMPLETE"
"""The name of the object that a sender writes last into a folder."""


@dataclass(frozen=True)
class SourceObject:
    """One object below ``incoming/``; a generation names its bytes for ever."""

    name: str
    generation: int
    size_bytes: int
    crc32c: str
    created_at: str

    @property
    def folder(self) -> str:
        return folder_of(self.name)

    @property
    def is_marker(self) -> bool:
        return self.name.rpartition("/")[2] == COMPLETE_MARKER


@dataclass(frozen=True)
class Arrival:
    """One object and what its header says: the header's facts or the reason it was refused."""

    source: SourceObject
    content: Header | Refusal

    @property
    def study_instance_uid(self) -> str | None:
        return self.content.study_instance_uid if isinstance(self.content, Header) else None

    @property
    def order(self) -> tuple[str, str]:
        """Arrival order: by time, then by name."""
        return (self.source.created_at, self.source.name)


def arrival_to_json(arrival: Arrival) -> dict[str, Any]:
    """Return the stored form of an arrival."""
    content = arrival.content
    return {
        "source": asdict(arrival.source),
        "header": content.as_dict() if isinstance(content, Header) else None,
        "refusal": content.reason if isinstance(content, Refusal) else None,
    }


def arrival_from_json(stored: Mapping[str, Any]) -> Arrival:
    """Read an arrival back; the inverse of :func:`arrival_to_json`."""
    header = stored["header"]
    content = header_from_dict(header) if header else Refusal(stored["refusal"])
    return Arrival(SourceObject(**stored["source"]), content)


def folder_of(name: str) -> str:
    """Return the sender's folder: the first path element below ``incoming/``, or nothing."""
    folder, slash, _ = name.removeprefix(INCOMING).partition("/")
    return folder if slash else ""


def group_by_study(arrivals: Iterable[Arrival]) -> dict[str | None, list[Arrival]]:
    """Group arrivals by StudyInstanceUID, in arrival order.

    Unreadable files join the study that reached their folder first; those of a folder without any
    study stand under ``None``.
    """
    groups: dict[str | None, list[Arrival]] = {}
    for _, in_folder in groupby(sorted(arrivals, key=_by_folder), key=lambda a: a.source.folder):
        members = list(in_folder)
        first = next((a.study_instance_uid for a in members if a.study_instance_uid), None)
        for arrival in members:
            groups.setdefault(arrival.study_instance_uid or first, []).append(arrival)
    return {study: sorted(members, key=lambda a: a.order) for study, members in groups.items()}


def _by_folder(arrival: Arrival) -> tuple[str, tuple[str, str]]:
    return (arrival.source.folder, arrival.order)


def is_complete(
    objects: Sequence[SourceObject], folders: Iterable[str], now: datetime, quiet: timedelta
) -> bool:
    """Tell whether all that belongs to ``folders`` has arrived, as far as anybody can know.

    A folder is complete once it holds ``_COMPLETE``, or when nothing was added for ``quiet``.
    ``objects`` lists the folders' objects, markers included.
    """
    newest: dict[str, datetime] = {}
    marked = {item.folder for item in objects if item.is_marker}
    for item in objects:
        created = datetime.fromisoformat(item.created_at)
        newest[item.folder] = max(newest.get(item.folder, created), created)
    return all(
        folder in marked or folder not in newest or now - newest[folder] >= quiet
        for folder in folders
    )
