"""Content-Type and Accept headers.

Source: RFC 9110 section 12.5.1 and DICOM PS3.18 section 8.7
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

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

    @property
    def transfer_syntax(self) -> str:
        return self.parameters.get("transfer-syntax", "")


def parse_accept(text: str) -> list[MediaType]:
    """Return the acceptable types, most wanted first; everything when the header is empty."""
    entries = [MediaType.parse(match[0]) for match in _ENTRY.finditer(text) if match[0].strip()]
    wanted = [entry for entry in entries if entry.quality > 0]
    return sorted(wanted, key=lambda entry: -entry.quality) or [MediaType("*/*")]
