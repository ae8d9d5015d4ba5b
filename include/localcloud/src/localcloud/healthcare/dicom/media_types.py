"""Content-Type and Accept headers.

Source: RFC 9110 section 12.5.1 and DICOM PS3.18 section 8.7
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from localcloud.errors import GoogleError

_PARAMETER = re.compile(r';\s*([\w\-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;,\s]*))')
_ENTRY = re.compile(r'\s*([^;,\s]+)((?:\s*;\s*[\w\-]+\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^;,\s]*))*)\s*')


@dataclass(frozen=True)
class MediaType:
    """A media type in lower case with its parameters; names of parameters are in lower case."""

    name: str
    parameters: dict[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> MediaType:
        """Read one media type; what cannot be read gives an empty name."""
        match = _ENTRY.match(text)
        if match is None:
            return cls("")
        pairs = _PARAMETER.findall(match[2])
        return cls(match[1].lower(), {name.lower(): quoted or bare for name, quoted, bare in pairs})

    @property
    def quality(self) -> float:
        try:
            return float(self.parameters.get("q", "1"))
        except ValueError:
            return 0.0

    @property
    def payload(self) -> str:
        """The media type of the parts of a multipart type, else the type itself."""
        if self.name == "multipart/related":
            return self.parameters.get("type", "*/*").lower()
        return self.name

    def covers(self, name: str) -> bool:
        """Tell whether a media type is meant, by its name, by ``image/*`` or by ``*/*``."""
        payload = self.payload
        return payload in (name, "*/*", f"{name.partition('/')[0]}/*")

    @property
    def transfer_syntax(self) -> str:
        return self.parameters.get("transfer-syntax", "")


def _entries(text: str) -> list[MediaType]:
    return [MediaType.parse(match[0]) for match in _ENTRY.finditer(text) if match[0].strip()]


def parse_accept(text: str) -> list[MediaType]:
    """Return the acceptable types, most wanted first; everything when the header is empty."""
    entries = _entries(text)
    wanted = [entry for entry in entries if entry.quality > 0]
    if not entries:
        return [MediaType("*/*")]
    return sorted(wanted, key=lambda entry: -entry.quality)


def choose(accept: str, offers: Sequence[str]) -> str:
    """Return the offer that a client wants most; among equals the first.

    Raises
    ------
    GoogleError
        406 when it wants none.
    """
    refused = {e.payload for e in _entries(accept) if e.quality <= 0}
    for entry in parse_accept(accept):
        for offer in offers:
            if entry.covers(offer) and offer not in refused:
                return offer
    raise not_acceptable(f"accept {' or '.join(offers)}")


def not_acceptable(message: str) -> GoogleError:
    """406 with what could be had instead."""
    return GoogleError(406, "INVALID_ARGUMENT", message)
