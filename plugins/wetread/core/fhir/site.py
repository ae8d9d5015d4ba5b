"""What a hospital says about its own numbers and clocks, which DICOM headers leave out."""

from __future__ import annotations

from dataclasses import dataclass

from wetread.core.fhir.identifiers import ACCESSION_SYSTEM, PATIENT_SYSTEM


@dataclass(frozen=True)
class Site:
    """The site's own settings for reading headers.

    ``patient_system`` and ``accession_system`` are the identifier systems of numbers whose issuer
    the header does not name. ``time_zone`` is the IANA name of the zone of times without an
    offset; without it such a study has a date and no time.
    """

    patient_system: str = PATIENT_SYSTEM
    accession_system: str = ACCESSION_SYSTEM
    time_zone: str = ""
