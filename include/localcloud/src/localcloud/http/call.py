"""What a handler receives and what it returns."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from localcloud.errors import invalid_argument
from localcloud.http.body import Body

# Source: https://cloud.google.com/healthcare-api/quotas and https://cloud.google.com/vision/quotas
MAX_JSON_BYTES = 10 << 20
# Bounds time and memory: "[],[],..." costs a parser forty times its bytes, and as many seconds.
_MAX_JSON_CONTAINERS = 500_000

_CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f]")
_INT64 = re.compile(r"[+-]?\d{1,19}")


class Query:
    """Query parameters; a name may occur more than once."""

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._pairs = tuple(pairs)

    @classmethod
    def parse(cls, text: str) -> Query:
        """Decode the part of a URL after the question mark.

        Raises
        ------
        GoogleError
            400 when it is not UTF-8: a replacement character would name something else.
        """
        try:
            return cls(parse_qsl(text, keep_blank_values=True, errors="strict")) if text else _EMPTY
        except UnicodeDecodeError:
            raise invalid_argument("The query is not percent-encoded UTF-8.") from None

    def get(self, name: str, default: str | None = None) -> str | None:
        """Return the first value of a name."""
        return next((value for key, value in self._pairs if key == name), default)

    def all(self, name: str) -> list[str]:
        """Return every value of a name, in order."""
        return [value for key, value in self._pairs if key == name]

    def items(self) -> Iterator[tuple[str, str]]:
        """Iterate over all pairs, in order."""
        return iter(self._pairs)

    def names(self) -> Iterator[str]:
        """Iterate over the names, in order."""
        return (key for key, _ in self._pairs)

    def integer(self, name: str, default: int | None = None) -> int | None:
        """Return a whole number.

        Raises
        ------
        GoogleError
            400 when the value is not one of 64 bits.
        """
        value = self.get(name)
        if value is None:
            return default
        if not _INT64.fullmatch(value) or not -(1 << 63) <= int(value) < 1 << 63:
            raise invalid_argument(f"Invalid value for {name}: {value[:40]!r}; give a number.")
        return int(value)

    def flag(self, name: str) -> bool:
        """Return whether a boolean parameter is true, in any case of letters."""
        return (self.get(name) or "").lower() == "true"

    def __contains__(self, name: str) -> bool:
        return any(key == name for key, _ in self._pairs)


_EMPTY = Query()


@dataclass(frozen=True)
class Call:
    """One request, resolved to a method of a contract.

    ``method`` is the HTTP verb; ``params`` are decoded path parameters; ``headers`` have
    lower-case names; ``base_url`` comes from configuration, never from the Host header.
    ``payload`` gives access to a large body without a copy in memory.
    """

    method: str
    params: dict[str, str]
    query: Query
    headers: Mapping[str, str]
    payload: Body
    base_url: str
    method_id: str = ""
    path: str = ""
    media: str = ""

    @property
    def body(self) -> bytes:
        """The whole body in memory."""
        return self.payload.read()

    def json(self) -> Any:
        """Decode the body; an empty body is an empty object.

        Raises
        ------
        GoogleError
            400 when the body is not JSON, too large or too deep.
        """
        if len(self.payload) > MAX_JSON_BYTES:
            raise invalid_argument(
                f"Request payload size exceeds the limit: {MAX_JSON_BYTES} bytes."
            )
        body = self.body
        if body.count(b"[") + body.count(b"{") > _MAX_JSON_CONTAINERS:
            raise invalid_argument(
                f"Invalid JSON payload received. It has more than {_MAX_JSON_CONTAINERS} objects."
            )
        if not body.strip():
            return {}
        try:
            return json.loads(body)
        except RecursionError:
            raise invalid_argument(
                "Invalid JSON payload received. It is nested too deep."
            ) from None
        except ValueError as error:
            raise invalid_argument(f"Invalid JSON payload received: {error}.") from error


@dataclass
class Reply:
    """One answer; an iterable body is streamed chunk by chunk from a worker thread."""

    status: int = 200
    body: bytes | Iterable[bytes] = b""
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def json(cls, value: object, status: int = 200) -> Reply:
        """Answer with a JSON document."""
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        return cls(status, text.encode(), "application/json; charset=UTF-8")


def header_value(text: str) -> bytes:
    """Return a value that is one line, whatever text a client had stored to be told again."""
    return _CONTROL_CHARACTERS.sub(" ", text).encode("utf-8", "replace")
