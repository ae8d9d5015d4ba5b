"""What a report refers to and a transaction does not write: it is found before the bundle is made.

Devices, the organization and the endpoint are the same for all studies; many transactions that
update one resource hold each other up (Cloud Healthcare API, "FHIR lock contention").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wetread.core.fhir.subject import SubjectReference


@dataclass(frozen=True)
class Surroundings:
    """Literal references, such as ``Device/<id>``, and facts from outside the bundle.

    ``devices`` are the models by ``AnalysisSource.identity``; ``assembler`` is Wetread itself.
    ``service_request`` is None where the store has no order of the study's accession number.
    ``dicomweb_url`` is absolute and ends in ``/dicomWeb``. Somebody must have looked at a result
    without anything critical ``due_seconds`` after it was made.
    """

    subject: SubjectReference
    devices: Mapping[tuple[str, str, str], str]
    assembler: str
    organization: str | None
    endpoint: str | None
    service_request: str | None
    dicomweb_url: str
    due_seconds: int
