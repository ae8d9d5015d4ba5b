"""What a request names in Cloud Storage: one object, or all whose name matches.

Source: https://cloud.google.com/healthcare-api/docs/reference/rest/v1/projects.locations.datasets.dicomStores/import
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from localcloud.healthcare.resources import invalid

_URI = re.compile(r"gs://([^/*?]+)/(.+)", re.DOTALL)
# "**" only once, as the last path component or followed by an extension; no other wildcard then.
_DOUBLE_STAR = re.compile(r"[^*?]*\*\*(\.[^*?/]+)?", re.DOTALL)


@dataclass(frozen=True)
class ObjectUri:
    """One object of Cloud Storage, as ``gs://BUCKET/OBJECT`` names it."""

    bucket: str
    name: str

    @classmethod
    def parse(cls, uri: str, field: str) -> ObjectUri:
        """Read a URI without wildcards.

        Raises
        ------
        GoogleError
            400, naming the field, for any other form.
        """
        match = _URI.fullmatch(uri)
        if match is None:
            raise invalid(f"invalid {field} {uri!r}: want gs://BUCKET/OBJECT")
        return cls(*match.groups())


@dataclass(frozen=True)
class ObjectPattern:
    """A ``gcsSource.uri``: objects whose name matches, below the longest literal prefix."""

    bucket: str
    prefix: str
    pieces: tuple[str, ...]

    @classmethod
    def parse(cls, uri: str) -> ObjectPattern:
        """Read a URI with ``*``, ``**`` and ``?``.

        Raises
        ------
        GoogleError
            400 for any form that the API's reference does not list.
        """
        match = _URI.fullmatch(uri)
        if match is None:
            raise invalid(f"invalid gcs_source.uri {uri!r}: want gs://BUCKET/OBJECT")
        bucket, path = match.groups()
        if "**" in path and not _DOUBLE_STAR.fullmatch(path):
            raise invalid(
                f"invalid gcs_source.uri {uri!r}: '**' must be at the end of the path and with no"
                " other wildcards in the path"
            )
        prefix = re.split(r"[*?]", path, maxsplit=1)[0]
        pieces = tuple(filter(None, re.split(r"(\*\*|\*|\?)", path)))
        return cls(bucket, prefix, pieces)

    def select(self, names: Sequence[str]) -> list[str]:
        """Return the matching names; a name that ends in a slash is a folder's placeholder."""
        return [name for name in names if _matches(self.pieces, name) and not name.endswith("/")]


def _matches(pieces: Sequence[str], name: str) -> bool:
    """Try all ways at once: a regular expression would try them one after the other."""
    reached = {0}
    for piece in pieces:
        if piece == "**":
            reached = set(range(min(reached, default=len(name) + 1), len(name) + 1))
        elif piece == "*":
            reached = _spread(reached, name)
        elif piece == "?":
            reached = {start + 1 for start in reached if start < len(name)}
        else:
            reached = {start + len(piece) for start in reached if name.startswith(piece, start)}
    return len(name) in reached


def _spread(starts: set[int], name: str) -> set[int]:
    """Return where text without a slash can end that begins at one of the starts."""
    reached = set(starts)
    for position, character in enumerate(name):
        if position in reached and character != "/":
            reached.add(position + 1)
    return reached
