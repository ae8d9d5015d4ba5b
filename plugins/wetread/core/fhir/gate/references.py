"""References: those within the transaction resolve, and all lead to a type that may stand there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Self

from wetread.core.fhir.gate.elements import Element
from wetread.core.violation import Violation

_LITERAL: Final = re.compile(r"([A-Z][A-Za-z]+)/[A-Za-z0-9\-.]{1,64}")
"""FHIR R4, "References between Resources", 2.3.0.1; an id is of the datatype ``id``."""

_TRANSACTION: Final = "urn:uuid:"


@dataclass(frozen=True)
class Targets:
    """The types of the transaction's own resources by their ``fullUrl``."""

    types: Mapping[str, str]

    @classmethod
    def of(cls, bundle: Mapping[str, Any]) -> Self:
        return cls(
            {entry["fullUrl"]: entry["resource"]["resourceType"] for entry in bundle["entry"]}
        )


def reference_violations(element: Element, targets: Targets) -> Iterator[Violation]:
    """Yield the references of ``element`` that lead nowhere or to what may not stand there."""
    for name, allowed in _reference_fields(element.model.__class__).items():
        value = element.get(name)
        for reference in value if isinstance(value, list) else [value]:
            if reference is not None:
                rule = _broken_rule(reference, allowed, targets)
                if rule:
                    yield Violation(rule, f"{element.path}.{name}")


def _broken_rule(reference: Any, allowed: frozenset[str], targets: Targets) -> str | None:
    literal, kind = reference.reference, reference.type
    if literal is None:
        if reference.identifier is None and reference.display is None:
            return "fhir.reference.empty"
    elif literal.startswith(_TRANSACTION):
        kind = targets.types.get(literal)
        if kind is None:
            return "fhir.reference.dangling"
    else:
        match = _LITERAL.fullmatch(literal)
        if match is None:
            return "fhir.reference.form"
        if kind not in (None, match[1]):
            return "fhir.reference.target"
        kind = match[1]
    if kind is not None and allowed and kind not in allowed:
        return "fhir.reference.target"
    return None


@cache
def _reference_fields(model: Any) -> dict[str, frozenset[str]]:
    """Return the types that each Reference of ``model`` may lead to; all if none are named."""
    found = {}
    for name, field in model.model_fields.items():
        extra = field.json_schema_extra or {}
        if "enum_reference_types" in extra:
            kinds = frozenset(extra["enum_reference_types"])
            found[name] = frozenset() if "Resource" in kinds else kinds
    return found
