"""Failures of the FHIR layer: OperationOutcome in the shape Google writes it.

Requests that never reach this layer (an unknown store, an unserved method) are answered by the
Healthcare API's generic error JSON instead; a client meets both.
Source: https://hl7.org/fhir/R4/operationoutcome.html and
https://cloud.google.com/healthcare-api/docs/how-tos/fhir-resources
"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


class FhirError(Exception):
    """A request that the store refuses.

    Parameters
    ----------
    status
        HTTP status.
    issue
        FHIR issue type, such as ``not-found`` or ``structure``.
    text
        Stable code, reported as ``details.text``.
    diagnostics
        What failed, which object, what to do next. Never a value of a resource.
    expression
        The element at fault, such as ``Observation.status``.
    """

    def __init__(
        self, status: int, issue: str, text: str, diagnostics: str, expression: str = ""
    ) -> None:
        super().__init__(diagnostics)
        self.status = status
        self.issue = issue
        self.text = text
        self.diagnostics = diagnostics
        self.expression = expression

    def at(self, place: str) -> FhirError:
        """Return the same failure, located in an entry of a bundle."""
        diagnostics = f'error at "{place}": {self.diagnostics}'
        element = self.expression.partition(".")[2]
        expression = ".".join(filter(None, (place, "resource" if element else "", element)))
        return FhirError(self.status, self.issue, self.text, diagnostics, expression)

    def outcome(self) -> Json:
        """Return the OperationOutcome."""
        issue: Json = {
            "code": self.issue,
            "details": {"text": self.text},
            "diagnostics": self.diagnostics,
            "severity": "error",
        }
        if self.expression:
            issue["expression"] = [self.expression]
        return {"issue": [issue], "resourceType": "OperationOutcome"}


def unparseable(diagnostics: str, expression: str = "") -> FhirError:
    """400: the JSON is not a FHIR resource."""
    return FhirError(400, "structure", "unparseable_resource", diagnostics, expression)


def invalid_resource(issue: str, diagnostics: str, expression: str = "") -> FhirError:
    """400: a FHIR resource, but one that breaks a rule of its type."""
    return FhirError(400, issue, "invalid_resource", diagnostics, expression)


def invalid_query(diagnostics: str) -> FhirError:
    """400: a search, or the criterion of a conditional interaction."""
    return FhirError(400, "invalid", "invalid_query", diagnostics)


def not_supported(diagnostics: str) -> FhirError:
    """400: FHIR has it, Google's API does not."""
    return FhirError(400, "not-supported", "unsupported_operation", diagnostics)


def not_found(name: str) -> FhirError:
    """404: never existed, or no version of it is kept."""
    return FhirError(404, "not-found", "resource_not_found", f"resource {name} was not found")


def deleted(name: str) -> FhirError:
    """410: existed; earlier versions remain readable through its history."""
    return FhirError(410, "deleted", "resource_deleted", f"resource {name} has been deleted")


def precondition_failed(diagnostics: str) -> FhirError:
    """412: the stored state is not the one the request asks for."""
    return FhirError(412, "conflict", "failed_precondition", diagnostics)


def conflict(diagnostics: str) -> FhirError:
    """409: another resource is in the way."""
    return FhirError(409, "conflict", "conflict", diagnostics)
