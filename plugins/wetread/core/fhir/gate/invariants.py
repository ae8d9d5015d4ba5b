"""Invariants of FHIR R4 that hold between elements; each has its key in the standard as rule id."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from wetread.core.fhir.gate.elements import Element
from wetread.core.fhir.gate.narrative import is_narrative
from wetread.core.violation import Violation


def invariant_violations(element: Element) -> Iterator[Violation]:
    """Yield the invariants that ``element`` itself breaks."""
    for rule, holds in _INVARIANTS.get(element.type, {}).items():
        if not holds(element):
            yield Violation(f"fhir.{rule}", element.path)


def _ordered(start: Any, end: Any) -> bool:
    """Tell whether two moments are in order, as far as both are known equally well."""
    if isinstance(start, dt.datetime) and isinstance(end, dt.datetime):
        return start <= end
    if start is None or end is None:
        return True
    return dt.date(start.year, start.month, start.day) <= dt.date(end.year, end.month, end.day)


def _value(element: Element) -> Any:
    """Return the element's ``value[x]``."""
    names = (n for n in element.model.model_fields_set if n.startswith("value"))
    return next((element.get(name) for name in names), None)


def _codings(concept: Any) -> set[tuple[str | None, str | None]]:
    return {(c.system, c.code) for c in (concept.coding or [])} if concept else set()


def _value_is_not_repeated(element: Element) -> bool:
    if _value(element) is None:
        return True
    code = _codings(element.get("code"))
    return not any(code & _codings(part.code) for part in element.get("component") or [])


_INVARIANTS: Final[Mapping[str, Mapping[str, Callable[[Element], object]]]] = MappingProxyType(
    {
        "Attachment": {"att-1": lambda e: not e.get("data") or e.get("contentType")},
        "Coding": {"coding": lambda e: e.get("system") and e.get("code")},
        "Extension": {
            "ext-1": lambda e: bool(e.get("extension")) != (_value(e) is not None),
        },
        "Narrative": {"txt-1": lambda e: is_narrative(e.get("div") or "")},
        "Observation": {
            "obs-6": lambda e: not e.get("dataAbsentReason") or _value(e) is None,
            "obs-7": _value_is_not_repeated,
        },
        "Organization": {"org-1": lambda e: e.get("identifier") or e.get("name")},
        "Period": {"per-1": lambda e: _ordered(e.get("start"), e.get("end"))},
        "Quantity": {"qty-3": lambda e: not e.get("code") or e.get("system")},
        "Task": {"inv-1": lambda e: _ordered(e.get("authoredOn"), e.get("lastModified"))},
    }
)
