"""Listing objects: prefix, delimiter, offsets, glob, versions, pages.

Walks the index in name order and jumps over everything below a prefix already reported, so that
a listing of folders costs by the number of folders.
Source: https://cloud.google.com/storage/docs/json_api/v1/objects/list
"""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field

from localcloud.errors import GoogleError, invalid_argument
from localcloud.http.call import Query
from localcloud.state.database import Database
from localcloud.storage.glob import Glob
from localcloud.storage.records import ObjectVersion

_MAX_PAGE = 1000
_BATCH = 1000
_BATCH_AFTER_JUMP = 8
_GROWTH = 4
_HIGHEST = "\U0010ffff"


@dataclass(frozen=True)
class Selection:
    """What a caller asked to list."""

    prefix: str = ""
    delimiter: str = ""
    start: str = ""
    end: str | None = None
    glob: Glob | None = None
    versions: bool = False
    soft_deleted: bool = False
    trailing_delimiter: bool = False
    page_size: int = _MAX_PAGE

    @classmethod
    def of_query(cls, query: Query) -> Selection:
        """Read a selection from a query.

        Raises
        ------
        GoogleError
            400 for an invalid value, 501 for context filters.
        """
        if query.get("filter"):
            raise GoogleError.of(501, "Listing by filter is not served by the local cloud.")
        if query.flag("softDeleted") and query.flag("versions"):
            raise invalid_argument("softDeleted and versions cannot both be true.")
        page_size = query.integer("maxResults", _MAX_PAGE) or _MAX_PAGE
        if page_size < 0:
            raise invalid_argument("maxResults must not be negative.")
        glob = query.get("matchGlob")
        return cls(
            prefix=query.get("prefix") or "",
            delimiter=query.get("delimiter") or "",
            start=query.get("startOffset") or "",
            end=query.get("endOffset") or None,
            glob=Glob(glob) if glob else None,
            versions=query.flag("versions"),
            soft_deleted=query.flag("softDeleted"),
            trailing_delimiter=query.flag("includeTrailingDelimiter"),
            page_size=min(page_size, _MAX_PAGE),
        )

    def folder_of(self, name: str) -> str | None:
        """Return the prefix under which a name is reported, if it is."""
        if not self.delimiter:
            return None
        at = name.find(self.delimiter, len(self.prefix))
        return None if at < 0 else name[: at + len(self.delimiter)]


@dataclass
class Page:
    """One page of a listing; items and prefixes together are at most one page."""

    items: list[ObjectVersion] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    next_token: str | None = None


@dataclass(frozen=True)
class _Cursor:
    """The last entry reported: an object's version, or a prefix when ``generation`` is -1."""

    name: str
    generation: int

    def to_token(self) -> str:
        text = json.dumps([self.name, self.generation])
        return base64.urlsafe_b64encode(text.encode()).decode()

    @classmethod
    def of_token(cls, token: str) -> _Cursor:
        try:
            name, generation = json.loads(base64.urlsafe_b64decode(token))
            name.encode()
            return cls(name, _int64(generation))
        except (ValueError, TypeError, AttributeError) as error:
            raise invalid_argument(f"Invalid page token: {token!r}.") from error


def list_page(database: Database, bucket: str, selection: Selection, token: str | None) -> Page:
    """Return one page of a bucket's objects in name order."""
    page = Page()
    cursor = last = _Cursor.of_token(token) if token else _Cursor("", 0)
    for version in _walk(database, bucket, selection, cursor):
        folder = selection.folder_of(version.name)
        seen = folder is not None and folder == _last_folder(page, cursor)
        as_item = folder is None or (selection.trailing_delimiter and folder == version.name)
        if seen and not as_item:
            continue
        if len(page.items) + len(page.prefixes) >= selection.page_size:
            page.next_token = last.to_token()
            break
        if folder is not None and not seen:
            page.prefixes.append(folder)
            last = _Cursor(folder, -1)
        if as_item:
            page.items.append(version)
            last = _Cursor(version.name, version.generation)
    return page


def _last_folder(page: Page, cursor: _Cursor) -> str | None:
    if page.prefixes:
        return page.prefixes[-1]
    return cursor.name if cursor.generation == -1 else None


def _walk(
    database: Database, bucket: str, selection: Selection, cursor: _Cursor
) -> Iterator[ObjectVersion]:
    """Yield matching versions after a cursor; at least one for every prefix, not all of them."""
    name = max(selection.start, selection.prefix, key=str.encode)
    position = (name, -1)
    if cursor.generation == -1:
        position = (cursor.name + _HIGHEST, 0)
    elif cursor.name:
        position = (cursor.name, cursor.generation)
    batch = _BATCH
    while rows := _rows(database, bucket, selection, position, batch):
        # After a jump few rows may be wanted before the next one.
        batch = min(_BATCH, batch * _GROWTH)
        for row in rows:
            name, position = row["name"], (row["name"], row["generation"])
            if not name.startswith(selection.prefix) or _beyond(selection, name):
                return
            if selection.glob and not selection.glob.matches(name):
                continue
            yield ObjectVersion.of_row(row)
            folder = selection.folder_of(name)
            if folder is not None and not (selection.trailing_delimiter and folder == name):
                position = max(position, (folder + _HIGHEST, 0), key=_order)
                batch = _BATCH_AFTER_JUMP
                break


def _int64(number: int) -> int:
    if not isinstance(number, int) or abs(number) >= 1 << 63:
        raise ValueError
    return number


def _order(position: tuple[str, int]) -> tuple[bytes, int]:
    return position[0].encode(), position[1]


def _beyond(selection: Selection, name: str) -> bool:
    return selection.end is not None and name.encode() >= selection.end.encode()


def _rows(
    database: Database,
    bucket: str,
    selection: Selection,
    position: tuple[str, int],
    batch: int,
) -> list[sqlite3.Row]:
    table = "soft_deleted" if selection.soft_deleted else "objects"
    live = "" if selection.versions or selection.soft_deleted else "AND live"
    return database.read(
        f"SELECT * FROM {table} WHERE bucket = ? {live} AND (name, generation) > (?, ?)"  # noqa: S608
        " ORDER BY name, generation LIMIT ?",
        (bucket, *position, batch),
    )
