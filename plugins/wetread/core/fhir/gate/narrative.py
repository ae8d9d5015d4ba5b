"""The XHTML that a narrative may be (FHIR R4, Narrative, txt-1 and txt-2)."""

from __future__ import annotations

from typing import Final
from xml.parsers.expat import ExpatError, ParserCreate

XHTML: Final = "http://www.w3.org/1999/xhtml"
_ELEMENTS: Final = frozenset(
    {"a", "b", "br", "div", "h2", "h3", "i", "li", "ol", "p", "span", "ul"}
    | {"table", "tbody", "td", "th", "thead", "tr"}
)
"""Of what txt-1 allows, the part that a report in plain words needs."""

_ATTRIBUTES: Final = frozenset({"class", "id", "title", "lang", "href", "colspan", "rowspan"})


class _Reader:
    def __init__(self) -> None:
        self.depth = 0
        self.sound = True
        self.has_text = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        namespace, _, element = name.rpartition(" ")
        expected = _ELEMENTS if self.depth else {"div"}
        if namespace != XHTML or element not in expected or not _ATTRIBUTES.issuperset(attributes):
            self.sound = False
        self.depth += 1

    def end(self, _name: str) -> None:
        self.depth -= 1

    def text(self, data: str) -> None:
        self.has_text = self.has_text or not data.isspace()


def is_narrative(div: str) -> bool:
    """Tell whether ``div`` is one well-formed div of harmless XHTML with some text in it."""
    reader = _Reader()
    parser = ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    try:
        parser.Parse(div, True)
    except ExpatError:
        return False
    return reader.sound and reader.has_text
