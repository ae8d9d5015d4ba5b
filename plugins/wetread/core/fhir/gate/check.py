"""The gate itself: the first broken rule of a transaction, in the order of its elements."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from wetread.core.errors import problem
from wetread.core.fhir.gate import bindings, codes, entries, invariants, policy, references
from wetread.core.fhir.gate.elements import Element, elements
from wetread.core.fhir.gate.imaging_study import study_violations
from wetread.core.violation import Violation


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
    violation = next(violations(bundle), None)
    if violation:
        rule, element = violation.rule, violation.element
        raise problem("result-invalid", f"FHIR result of {subject}: {element} breaks {rule}.")


def violations(bundle: Mapping[str, Any]) -> Iterator[Violation]:
    """Yield every broken rule; after one of the models nothing else can be judged."""
    from fhir.resources.R4B.bundle import Bundle  # noqa: PLC0415 - takes a second to import
    from pydantic import ValidationError  # noqa: PLC0415

    try:
        model = Bundle.model_validate(bundle)
    except ValidationError as error:
        for fault in error.errors(include_url=False, include_context=False, include_input=False):
            path = ".".join(str(part) for part in fault["loc"])
            yield Violation(f"fhir.model.{fault['type']}", path or "Bundle")
        return
    yield from entries.entry_violations(bundle)
    targets = references.Targets.of(bundle)
    for element in elements(model, "Bundle"):
        yield from _element_violations(element, targets)
    for index, entry in enumerate(bundle["entry"]):
        place = f"entry.{index}.{entry['resource']['resourceType']}"
        yield from policy.resource_violations(entry["resource"], place)
        yield from study_violations(entry["resource"], place)
    yield from policy.report_violations(bundle)


def _element_violations(element: Element, targets: references.Targets) -> Iterator[Violation]:
    yield from bindings.binding_violations(element)
    if not element.built:
        return
    yield from codes.code_violations(element)
    yield from references.reference_violations(element, targets)
    yield from invariants.invariant_violations(element)
