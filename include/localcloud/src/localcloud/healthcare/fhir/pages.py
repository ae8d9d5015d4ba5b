"""Pages: how many, where one ends, and where the next one begins.

A page token holds the place of the last item given, not a count of items: what is written while
somebody turns pages neither repeats nor skips what was there all along.
Source: fhir.search and fhir.history of the healthcare.v1 discovery document
"""

from __future__ import annotations

import base64
import binascii
import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import urlencode

from localcloud.healthcare.fhir.definitions import Json
from localcloud.healthcare.fhir.lag import Sql
from localcloud.healthcare.fhir.outcomes import invalid_query
from localcloud.healthcare.fhir.records import Query

DEFAULT_COUNT = 100
MAX_COUNT = 1000
# "The server might return fewer resources than requested to prevent excessively large responses."
_MAX_PAGE_CHARACTERS = 32 << 20
_CHUNK = 20

Cursor = tuple[str | int | float | None, ...]


def parse_count(text: str) -> int:
    """Return a page size: 100 unless asked, at most 1000.

    Raises
    ------
    FhirError
        400 when it is not a whole number.
    """
    if text and not (text.isascii() and text.isdecimal()):
        raise invalid_query("_count must be a whole number")
    # More digits than this are more than the most, whatever they are.
    return min(int(text[:9] or DEFAULT_COUNT), MAX_COUNT)


def encode_token(cursor: Cursor) -> str:
    text = json.dumps(cursor, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_token(token: str, length: int) -> Cursor | None:
    """Return the place that a page token stands for, None without a token.

    Raises
    ------
    FhirError
        400 when the store never made such a token for this request.
    """
    if not token:
        return None
    try:
        cursor = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        cursor = None
    if not isinstance(cursor, list) or len(cursor) != length or not all(map(_is_scalar, cursor)):
        raise invalid_query("invalid _page_token: use the one of the next link")
    return tuple(cursor)


def _is_scalar(item: object) -> bool:
    if isinstance(item, int) and not -(2**63) <= item < 2**63:
        return False
    return item is None or isinstance(item, str | int | float)


def after(columns: Sequence[tuple[str, bool]], cursor: Cursor) -> Sql:
    """Return the condition for rows that come after a cursor.

    Parameters
    ----------
    columns
        The names ordered by, each with whether it descends; NULL is last either way.
    """
    terms: list[str] = []
    arguments: list[object] = []
    for index, (name, descending) in enumerate(columns):
        if (value := cursor[index]) is None:
            continue
        equal = [f"{column} IS ? AND " for column, _ in columns[:index]]
        sign = "<" if descending else ">"
        terms.append(f"({''.join(equal)}({name} {sign} ? OR {name} IS NULL))")
        arguments += [*cursor[:index], value]
    return f"({' OR '.join(terms) or '0'})", arguments


def fill(query: Query, keys: Sequence[int]) -> Iterator[tuple[int, sqlite3.Row]]:
    """Yield the resources of a page until it is large enough, each with its position from 1."""
    size = 0
    for start in range(0, len(keys), _CHUNK):
        rows = query(
            "SELECT k.key AS position, r.key, r.type, r.id, r.body FROM json_each(?) k"
            " JOIN fhir_resource r ON r.key = k.value WHERE NOT r.deleted ORDER BY k.key",
            (json.dumps(keys[start : start + _CHUNK]),),
        )
        for row in rows:
            yield start + row["position"] + 1, row
            size += len(row["body"])
            if size > _MAX_PAGE_CHARACTERS:
                return


def page_links(url: str, pairs: Iterable[tuple[str, str]], following: Cursor | None) -> list[Json]:
    """Return the links of a bundle: the request itself and, if there is one, the next page."""
    kept = [(name, value) for name, value in pairs if name != "_page_token"]
    links = [{"relation": "self", "url": _link(url, kept)}]
    if following is not None:
        next_page = [*kept, ("_page_token", encode_token(following))]
        links.append({"relation": "next", "url": _link(url, next_page)})
    return links


def _link(url: str, pairs: list[tuple[str, str]]) -> str:
    return f"{url}?{urlencode(pairs)}" if pairs else url
