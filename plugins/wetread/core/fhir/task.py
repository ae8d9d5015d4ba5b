"""The review that every AI result waits for: a Task that one radiologist takes and ends."""

from __future__ import annotations

from typing import Final

from wetread.core.alerts.alert import critical_alerts
from wetread.core.fhir.elements import AI_RESULT, Resource, narrative, reference, without_absent
from wetread.core.fhir.filing import Filing
from wetread.core.fhir.identifiers import Identifier, family_identifier
from wetread.core.fhir.surroundings import Surroundings
from wetread.core.fhir.times import seconds_later
from wetread.core.findings import StudyFindings
from wetread.core.terminology import concept

_PRIORITIES: Final = {1: "stat", 2: "urgent"}
"""Of an ACR category (FHIR R4, value set request-priority); all else is routine."""


def review_task(
    identifier: Identifier,
    findings: StudyFindings,
    surroundings: Surroundings,
    filing: Filing,
    *,
    report_url: str,
) -> Resource:
    """Return the Task of reviewing a result, due as soon as the most urgent of its alerts."""
    alerts = critical_alerts(findings)
    due_seconds = alerts[0].due_seconds if alerts else surroundings.due_seconds
    due = seconds_later(findings.created_at, due_seconds)
    code, order = concept("review-ai-result"), surroundings.service_request
    signed = concept("signed-report-exists")
    return without_absent(
        {
            "resourceType": "Task",
            "text": narrative([f"{code.display}, due {due}.", f"{AI_RESULT}."]),
            "identifier": [
                identifier.as_fhir(),
                family_identifier(findings.study_instance_uid).as_fhir(),
            ],
            "basedOn": [reference(order)] if order else None,
            "status": "requested",
            "intent": "order",
            "priority": _PRIORITIES.get(alerts[0].category if alerts else 0, "routine"),
            "code": code.codeable(),
            "description": f"{code.display}: preliminary, not for clinical use.",
            "focus": reference(report_url),
            "for": surroundings.subject.as_fhir(),
            "authoredOn": findings.created_at,
            "lastModified": findings.created_at,
            "requester": reference(surroundings.assembler),
            "performerType": [concept("radiologist").codeable()],
            "reasonCode": signed.codeable() if filing.is_beside else None,
            "restriction": {"period": {"end": due}},
        }
    )
