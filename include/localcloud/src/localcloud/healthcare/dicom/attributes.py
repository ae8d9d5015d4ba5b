"""Which attributes a search can ask for, and which it returns: one table a level.

The UIDs of the levels above are returned too, though Google's lists leave them out: a search that
names no study would be of no use without them (PS3.18 section 10.6.3.3).
Source: https://cloud.google.com/healthcare-api/docs/dicom#search_transaction
"""

from __future__ import annotations

import re

from pydicom.datadict import tag_for_keyword

from localcloud.healthcare.resources import invalid

_UNSUPPORTED = frozenset({"AvailableTransferSyntaxUID"})


def tag_of(name: str) -> str:
    """Return the tag, eight hexadecimal digits, of an attribute named by keyword or tag.

    Raises
    ------
    GoogleError
        400 for what the data dictionary or Google's search does not have, in the words that
        clients look for.
        Source: https://github.com/imi-bigpicture/wsidicom/pull/149
    """
    if re.fullmatch(r"[0-9A-Fa-f]{8}", name):
        return name.upper()
    tag = tag_for_keyword(name)
    if tag is None or name in _UNSUPPORTED:
        raise invalid(f"unknown/unsupported QIDO attribute: {name}")
    return f"{tag:08X}"


def _tags(keywords: str) -> frozenset[str]:
    return frozenset(tag_of(keyword) for keyword in keywords.split())


# Searchable attribute -> column of the index.
STUDY_COLUMNS = {
    tag_of("StudyInstanceUID"): "study",
    tag_of("PatientName"): "patient_name",
    tag_of("PatientID"): "patient_id",
    tag_of("AccessionNumber"): "accession_number",
    tag_of("ReferringPhysicianName"): "referring_physician_name",
    tag_of("StudyDate"): "study_date",
}
SERIES_COLUMNS = STUDY_COLUMNS | {
    tag_of("SeriesInstanceUID"): "series",
    tag_of("Modality"): "modality",
}
INSTANCE_COLUMNS = SERIES_COLUMNS | {tag_of("SOPInstanceUID"): "instance"}

# Returned unasked.
STUDY_FIELDS = _tags(
    """
    SpecificCharacterSet StudyDate StudyTime AccessionNumber InstanceAvailability
    ReferringPhysicianName TimezoneOffsetFromUTC PatientName PatientID PatientBirthDate PatientSex
    StudyInstanceUID StudyID
    """
)
SERIES_FIELDS = _tags(
    """
    SpecificCharacterSet Modality TimezoneOffsetFromUTC SeriesDescription StudyInstanceUID
    SeriesInstanceUID PerformedProcedureStepStartDate PerformedProcedureStepStartTime
    RequestAttributesSequence
    """
)
INSTANCE_FIELDS = _tags(
    """
    SpecificCharacterSet SOPClassUID SOPInstanceUID InstanceAvailability TimezoneOffsetFromUTC
    StudyInstanceUID SeriesInstanceUID InstanceNumber Rows Columns BitsAllocated NumberOfFrames
    """
)

# What includefield=all adds; of an instance it is everything.
ALL_OF_STUDY = STUDY_FIELDS | _tags(
    """
    PersonIdentificationCodeSequence PersonAddress PersonTelephoneNumbers PersonTelecomInformation
    InstitutionName InstitutionAddress InstitutionCodeSequence
    ReferringPhysicianIdentificationSequence ConsultingPhysicianName
    ConsultingPhysicianIdentificationSequence IssuerOfAccessionNumberSequence
    LocalNamespaceEntityID UniversalEntityID UniversalEntityIDType StudyDescription
    PhysiciansOfRecord PhysiciansOfRecordIdentificationSequence NameOfPhysiciansReadingStudy
    PhysiciansReadingStudyIdentificationSequence RequestingServiceCodeSequence
    ReferencedStudySequence ProcedureCodeSequence ReasonForPerformedProcedureCodeSequence
    """
)
ALL_OF_SERIES = SERIES_FIELDS | _tags("SeriesNumber Laterality SeriesDate SeriesTime")
