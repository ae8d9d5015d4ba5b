"""Codes of the systems that Wetread owns a selection of: each must be one that was reviewed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

from wetread.core.fhir.gate.elements import Element
from wetread.core.terminology import terminology
from wetread.core.violation import Violation


def code_violations(element: Element) -> Iterator[Violation]:
    """Yield a coding or quantity whose code or wording is not that of ``core/terminology``.

    A system that the table gives no code of, such as that of UIDs, is free.
    """
    if element.type not in ("Coding", "Quantity"):
        return
    known = _displays().get(str(element.get("system")))
    if known is None:
        return
    wording = element.get("display" if element.type == "Coding" else "unit")
    displays = known.get(str(element.get("code")))
    if displays is None:
        yield Violation("fhir.code.unknown", f"{element.path}.code")
    elif wording not in displays:
        yield Violation("fhir.code.display", element.path)


@cache
def _displays() -> Mapping[str, Mapping[str, frozenset[str]]]:
    found: dict[str, dict[str, frozenset[str]]] = {}
    for concept in terminology().all_concepts():
        displays = found.setdefault(concept.system, {})
        displays[concept.code] = displays.get(concept.code, frozenset()) | {concept.display}
    return found
