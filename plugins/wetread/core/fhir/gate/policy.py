"""What Wetread demands of its own results beyond the standard."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from wetread.core.fhir.gate.elements import Element, is_withdrawn
from wetread.core.fhir.identifiers import PREDECESSOR_EXTENSION, REGION_EXTENSION
from wetread.core.violation import Violation

NOTICE: Final = "not for clinical use"
_CLOSED_BY_A_PERSON_ONLY: Final = ("Observation", "DiagnosticReport")
_PUBLISHED: Final = frozenset({PREDECESSOR_EXTENSION, REGION_EXTENSION})
"""Extensions with a StructureDefinition in ``docs/reference/fhir``."""

_WITHOUT_NARRATIVE: Final = frozenset({"Binary", "Bundle"})
"""They are no DomainResource."""


def resource_violations(resource: Mapping[str, Any], place: str) -> Iterator[Violation]:
    """Yield what one resource lacks: its narrative, the notice in it, the status of a draft."""
    kind = resource["resourceType"]
    if kind in _WITHOUT_NARRATIVE or is_withdrawn(kind, resource.get("status")):
        return
    div = resource.get("text", {}).get("div", "")
    if not div:
        yield Violation("fhir.dom-6", f"{place}.text")
    elif NOTICE not in div.lower():
        yield Violation("fhir.policy.notice", f"{place}.text")
    if resource.get("contained"):
        yield Violation("fhir.policy.contained", f"{place}.contained")
    if kind in _CLOSED_BY_A_PERSON_ONLY and resource.get("status") != "preliminary":
        yield Violation("fhir.policy.preliminary", f"{place}.status")
    if "resultsInterpreter" in resource:
        yield Violation("fhir.policy.interpreter", f"{place}.resultsInterpreter")


def extension_violations(element: Element) -> Iterator[Violation]:
    """Yield an extension that nobody could look up; the parts of one have no URL of their own."""
    url = str(element.get("url")) if element.type == "Extension" else ""
    if ":" in url and url not in _PUBLISHED:
        yield Violation("fhir.policy.extension", element.path)


def report_violations(bundle: Mapping[str, Any]) -> Iterator[Violation]:
    """Yield what is wrong between the report and the rest: it is one, and gathers all results."""
    by_type: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
    for entry in bundle["entry"]:
        resource = entry["resource"]
        by_type.setdefault(resource["resourceType"], []).append((entry["fullUrl"], resource))
    reports = by_type.get("DiagnosticReport", [])
    if len(reports) != 1:
        yield Violation("fhir.policy.one-report", "Bundle.entry")
        return
    url, report = reports[0]
    listed = {item.get("reference") for item in report.get("result", [])}
    if not listed.issuperset(full_url for full_url, _ in by_type.get("Observation", [])):
        yield Violation("fhir.policy.result", "DiagnosticReport.result")
    for _, provenance in by_type.get("Provenance", []):
        if url not in {item.get("reference") for item in provenance["target"]}:
            yield Violation("fhir.policy.provenance", "Provenance.target")
