"""Which attributes a search can ask for, and which it returns: one table a level.

Source: https://cloud.google.com/healthcare-api/docs/dicom#search_transaction; what belongs to
which level is DICOM PS3.3 section C.7 (patient, study, series and equipment modules).
"""

from __future__ import annotations

import re

from pydicom.datadict import tag_for_keyword

from localcloud.healthcare.resources import invalid


def tag_of(name: str) -> str:
    """Return the tag, eight hexadecimal digits, of an attribute named by keyword or tag.

    Raises
    ------
    GoogleError
        400 for a keyword that the data dictionary does not have.
    """
    if re.fullmatch(r"[0-9A-Fa-f]{8}", name):
        return name.upper()
    tag = tag_for_keyword(name)
    if tag is None:
        raise invalid(f"unknown attribute {name!r}")
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

# Returned for includefield=all: what every instance of a study, or of a series, has in common.
ALL_OF_STUDY = STUDY_FIELDS | _tags(
    """
    StudyDescription IssuerOfPatientID OtherPatientIDs EthnicGroup PatientComments PatientAge
    PatientSize PatientWeight PregnancyStatus AdditionalPatientHistory AdmittingDiagnosesDescription
    PhysiciansOfRecord NameOfPhysiciansReadingStudy InstitutionName ProcedureCodeSequence
    ModalitiesInStudy NumberOfStudyRelatedSeries NumberOfStudyRelatedInstances
    """
)
ALL_OF_SERIES = (
    ALL_OF_STUDY
    | SERIES_FIELDS
    | _tags(
        """
    SeriesNumber SeriesDate SeriesTime Laterality BodyPartExamined ProtocolName OperatorsName
    PerformingPhysicianName PatientPosition Manufacturer ManufacturerModelName StationName
    InstitutionalDepartmentName DeviceSerialNumber SoftwareVersions FrameOfReferenceUID
    PositionReferenceIndicator NumberOfSeriesRelatedInstances
    """
    )
)
