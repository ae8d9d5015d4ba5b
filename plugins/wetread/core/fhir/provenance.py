"""Where a result comes from: which code, models, weights, settings and images made it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final
from urllib.parse import quote

from wetread.core.fhir.elements import AI_RESULT, Resource, narrative, reference, without_absent
from wetread.core.fhir.filing import Filing
from wetread.core.fhir.identifiers import MANIFEST_SYSTEM, Identifier
from wetread.core.fhir.surroundings import Surroundings
from wetread.core.findings import StudyFindings
from wetread.core.terminology import concept
from wetread.core.version import VERSION

_URN: Final = "urn:wetread"


def provenance(
    findings: StudyFindings,
    surroundings: Surroundings,
    filing: Filing,
    *,
    resource_id: str,
    target_urls: Sequence[str],
    study_url: str,
) -> Resource:
    """Return the Provenance of a report and its Observations.

    Policies are FHIR's place for the configuration that an activity followed (R4, Provenance,
    "policy"): code version, settings, and of each model its row, deployment, weights and container.
    """
    times = [analysis.created_at for analysis in findings.analyses] or [findings.created_at]
    inputs = Identifier(MANIFEST_SYSTEM, findings.manifest_digest)
    return without_absent(
        {
            "resourceType": "Provenance",
            "id": resource_id,
            "text": narrative([*_summary(findings), f"{AI_RESULT}."]),
            "target": [reference(url) for url in target_urls],
            "occurredPeriod": {"start": min(times), "end": findings.created_at},
            "recorded": findings.created_at,
            "policy": list(dict.fromkeys(_policies(findings))),
            "activity": concept("create").codeable(),
            "agent": [
                _agent("assembler", surroundings.assembler),
                *(_agent("performer", device) for device in _models(findings, surroundings)),
            ],
            "entity": [
                {"role": "source", "what": reference(study_url)},
                {
                    "role": "source",
                    "what": {
                        "identifier": inputs.as_fhir(),
                        "display": "The instances of the study that were there",
                    },
                },
                *(
                    [{"role": "revision", "what": reference(filing.predecessor)}]
                    if filing.predecessor
                    else []
                ),
            ],
        }
    )


def _summary(findings: StudyFindings) -> Iterator[str]:
    names = {f"{a.source.name} {a.source.version}".strip() for a in findings.analyses}
    models = f" from what {', '.join(sorted(names))} found" if names else ""
    yield f"Made by Wetread {VERSION}{models}."


def _models(findings: StudyFindings, surroundings: Surroundings) -> list[str]:
    return sorted({surroundings.device(analysis.source) for analysis in findings.analyses})


def _policies(findings: StudyFindings) -> Iterator[str]:
    yield _urn("version", VERSION)
    yield _urn("settings", findings.settings_digest)
    for analysis in findings.analyses:
        source = analysis.source
        for name, value in (
            ("settings", source.settings_digest),
            ("deployed-model", source.deployed_model),
            ("weights", source.weights_digest),
            ("container", source.container),
        ):
            if value:
                yield _urn("analysis", analysis.analysis_id, name, value)


def _urn(*parts: str) -> str:
    """Return parts as a URN; its characters are those of RFC 8141."""
    return ":".join([_URN, *(quote(part, safe=":/@.-") for part in parts)])


def _agent(role: str, device: str) -> Resource:
    return {"type": concept(role).codeable(), "who": reference(device)}
