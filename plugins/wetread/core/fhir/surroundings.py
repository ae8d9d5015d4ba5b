"""What a report refers to and a transaction does not write: it is found before the bundle is made.

Devices, the organization and the endpoint are the same for all studies; many transactions that
update one resource hold each other up (Cloud Healthcare API, "FHIR lock contention").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wetread.core.errors import problem
from wetread.core.fhir.subject import SubjectReference
from wetread.core.findings import AnalysisSource


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

    def device(self, source: AnalysisSource) -> str:
        """Return the literal reference of a model.

        Raises
        ------
        PermanentError
            ``result-invalid``: nobody looked for it.
        """
        try:
            return self.devices[source.identity]
        except KeyError:
            raise problem("result-invalid", "a model of the result has no Device.") from None

    def instance_url(self, study_uid: str, series_uid: str, instance_uid: str) -> str:
        """Return where DICOMweb serves an instance (PS3.18 section 10.4, instance resource)."""
        study = f"{self.dicomweb_url}/studies/{study_uid}"
        return f"{study}/series/{series_uid}/instances/{instance_uid}"
