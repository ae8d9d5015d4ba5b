"""The gate itself: the first broken rule of a transaction, in the order of its elements."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from wetread.core.errors import problem
from wetread.core.fhir.gate import bindings, codes, entries, invariants, policy, references
from wetread.core.fhir.gate.elements import Element, elements, first_empty
from wetread.core.fhir.gate.imaging_study import study_violations
from wetread.core.violation import Violation

_UNREADABLE: Final = (AssertionError, AttributeError, KeyError, TypeError, ValueError)
"""What fhir.resources raises on values of a wrong JSON type, whose text would hold the value."""


def check_bundle(bundle: Mapping[str, Any], subject: str) -> None:
    """Do nothing if ``bundle`` may be stored.

    Parameters
    ----------
    bundle : a transaction, as JSON
    subject : names the study in the error: its key

    Raises
    ------
    PermanentError
        ``result-invalid``: a rule is broken; the text names the rule and the element.
    """
    _refuse(violations(bundle), subject)


def check_resource(resource: Mapping[str, Any], subject: str) -> None:
    """Do nothing if ``resource`` may be stored by itself; it refers to nothing in a transaction.

    Raises
    ------
    PermanentError
        ``result-invalid``: a rule is broken; the text names the rule and the element.
    """
    _refuse(resource_violations(resource), subject)


def _refuse(broken: Iterator[Violation], subject: str) -> None:
    violation = next(broken, None)
    if violation:
        rule, element = violation.rule, violation.element
        raise problem("result-invalid", f"FHIR result of {subject}: {element} breaks {rule}.")


def violations(bundle: Mapping[str, Any]) -> Iterator[Violation]:
    """Yield every broken rule; after one of the form of the whole nothing else can be judged."""
    model, broken = _model("Bundle", bundle)
    broken += entries.form_violations(bundle) if not broken else []
    yield from broken
    if broken:
        return
    yield from entries.entry_violations(bundle)
    targets = references.Targets.of(bundle)
    for element in elements(model, "Bundle"):
        yield from _element_violations(element, targets)
    for index, entry in enumerate(bundle["entry"]):
        place = f"Bundle.entry.{index}.resource"
        yield from policy.resource_violations(entry["resource"], place)
        yield from study_violations(entry["resource"], place)
    yield from policy.report_violations(bundle)


def resource_violations(resource: Mapping[str, Any]) -> Iterator[Violation]:
    """Yield every rule that a resource by itself breaks."""
    kind = str(resource["resourceType"])
    model, broken = _model(kind, resource)
    yield from broken
    if broken:
        return
    for element in elements(model, kind):
        yield from _element_violations(element, references.Targets({}))
    yield from policy.resource_violations(resource, kind)


def _model(kind: str, resource: Mapping[str, Any]) -> tuple[Any, list[Violation]]:
    """Return the resource as fhir.resources has it, or what is wrong with its form."""
    from fhir.resources.R4B import get_fhir_model_class  # noqa: PLC0415 - takes long to import
    from pydantic import ValidationError  # noqa: PLC0415

    if empty := first_empty(resource, kind):
        return None, [Violation("fhir.ele-1", empty)]
    try:
        return get_fhir_model_class(kind).model_validate(resource), []
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        return None, [
            Violation(f"fhir.model.{fault['type']}", ".".join([kind, *map(str, fault["loc"])]))
            for fault in faults
        ]
    except _UNREADABLE:
        return None, [Violation("fhir.model.unreadable", kind)]


def _element_violations(element: Element, targets: references.Targets) -> Iterator[Violation]:
    yield from bindings.binding_violations(element)
    if not element.built:
        return
    yield from codes.code_violations(element)
    yield from references.reference_violations(element, targets)
    yield from invariants.invariant_violations(element)
    yield from policy.extension_violations(element)
