"""What newer findings no longer say is withdrawn, not left behind as an orphan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any

from wetread.core.fhir.elements import Resource
from wetread.core.fhir.identifiers import RESULT_SYSTEM, Identifier
from wetread.core.findings import StudyFindings


def with_withdrawals(
    bundle: Mapping[str, Any],
    findings: StudyFindings,
    existing_observations: Iterable[Mapping[str, Any]],
) -> dict[str, Any]:
    """Return the transaction that also cancels earlier candidates which it does not contain.

    Late images or a new model can make a candidate disappear. Only preliminary Observations that
    Wetread wrote are cancelled, and only once every analysis is there: until then a candidate may
    be missing because its analysis is.

    Parameters
    ----------
    existing_observations
        The results of the report in the store, as the search
        ``DiagnosticReport?identifier=…&_include=DiagnosticReport:result`` gives them.
    """
    result: dict[str, Any] = deepcopy(dict(bundle))
    if findings.missing_rows:
        return result
    current = {entry["fullUrl"] for entry in result["entry"]}
    for existing in existing_observations:
        identifier = _own_identifier(existing)
        if (
            identifier
            and existing.get("resourceType") == "Observation"
            and existing.get("status") == "preliminary"
            and identifier.full_url not in current
        ):
            current.add(identifier.full_url)
            result["entry"].append(_cancellation(identifier, existing))
    return result


def _own_identifier(resource: Mapping[str, Any]) -> Identifier | None:
    for identifier in resource.get("identifier", []):
        if identifier.get("system") == RESULT_SYSTEM and identifier.get("value"):
            return Identifier(RESULT_SYSTEM, identifier["value"])
    return None


def _cancellation(identifier: Identifier, existing: Mapping[str, Any]) -> Resource:
    resource = {
        name: deepcopy(value) for name, value in existing.items() if name not in ("id", "meta")
    }
    return {
        "fullUrl": identifier.full_url,
        "resource": {**resource, "status": "cancelled"},
        "request": {"method": "PUT", "url": identifier.conditional_url("Observation")},
    }
