"""Documents of made-up studies, and what a reader of their HTML sees."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from typing import Any

from tests.core.fhir.cases import (
    ANOMALY,
    NEW,
    NODULE,
    OBJECT,
    ct_analysis,
    ct_facts,
    nodule_analysis,
    study_findings,
)

from wetread.core.fhir.filing import Filing
from wetread.core.fhir.study import StudyFacts
from wetread.core.fhir.subject import subject_reference
from wetread.core.findings import StudyFindings
from wetread.documents.figures import Figure, ranked_images
from wetread.documents.study_document import study_document

_VOID = frozenset({"meta", "img", "br", "hr", "link", "input", "wbr"})
JPEG = b"\xff\xd8\xff\xd9"
"""The shortest thing that starts and ends as a JPEG file does."""


@dataclass
class Element:
    """One element: its attributes, its parts in their order, and whose part it is."""

    name: str
    attributes: dict[str, str] = field(default_factory=dict)
    parts: list[Element | str] = field(default_factory=list)

    def all(self, name: str = "") -> Iterator[Element]:
        """Yield the elements of that name inside this one, or all, in document order."""
        for part in self.parts:
            if isinstance(part, Element):
                if name in ("", part.name):
                    yield part
                yield from part.all(name)

    @property
    def text(self) -> str:
        """What a person reads, without white space that the browser drops."""
        words = (
            p if isinstance(p, str) else "" if p.name == "style" else p.text for p in self.parts
        )
        return " ".join(" ".join(words).split())

    @property
    def shape(self) -> tuple[Any, ...]:
        """The names of the elements and their attributes, whatever the texts are."""
        inside = (part.shape for part in self.parts if isinstance(part, Element))
        return (self.name, *sorted(self.attributes), *inside)


class _Reader(HTMLParser):
    """Reads HTML whose elements are all closed, and refuses any other."""

    def __init__(self) -> None:
        super().__init__()
        self.open = [Element("")]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), f"<{tag}> repeats an attribute"
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].parts.append(element)
        if tag not in _VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().name == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        self.open[-1].parts.append(data)


def read_html(document: bytes) -> Element:
    """Return the element ``html`` of a document.

    Raises
    ------
    AssertionError
        It is not well-formed: an element is not closed, or closed by another.
    """
    reader = _Reader()
    reader.feed(document.decode("utf-8"))
    reader.close()
    (root,) = reader.open
    (html,) = root.all("html")
    return html


def document(
    findings: StudyFindings,
    facts: StudyFacts | None = None,
    filing: Filing = NEW,
    pictures: Sequence[bytes | None] = (),
) -> bytes:
    """Return the document of a study; ``pictures`` are those of its first figures."""
    known = ct_facts() if facts is None else facts
    figures = tuple(
        Figure(image, picture)
        for image, picture in zip(ranked_images(findings), pictures, strict=False)
    )
    subject = subject_reference(findings, known)
    return study_document(findings, known, subject, filing, figures, anomaly_threshold=0.8)


def full_study() -> StudyFindings:
    """Return a study with a finding, an absence, candidates of both kinds and a refused file."""
    other = replace(nodule_analysis(), row_id="series-2")
    return study_findings(ct_analysis(ANOMALY, OBJECT), nodule_analysis(NODULE), other)
