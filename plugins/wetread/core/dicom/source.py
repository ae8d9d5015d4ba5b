"""What a result inherits from the image it is about."""

from __future__ import annotations

from pydicom import Dataset

from wetread.core.terminology import concept

_PATIENT_AND_STUDY = (
    "SpecificCharacterSet",
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "PatientSex",
    "PatientSpeciesDescription",
    "PatientSpeciesCodeSequence",
    "PatientBreedDescription",
    "PatientBreedCodeSequence",
    "BreedRegistrationSequence",
    "ResponsiblePerson",
    "ResponsiblePersonRole",
    "ResponsibleOrganization",
    "PatientIdentityRemoved",
    "DeidentificationMethod",
    "DeidentificationMethodCodeSequence",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "StudyDescription",
    "AccessionNumber",
    "IssuerOfAccessionNumberSequence",
    "ReferringPhysicianName",
)
"""Modules Patient and General Study (PS3.3 C.7.1.1, C.7.2.1), as the store knows them."""

_SERIES_AND_IMAGE = (
    "BodyPartExamined",
    "Laterality",
    "ImageLaterality",
    "RecognizableVisualFeatures",
    "LossyImageCompression",
    "LossyImageCompressionRatio",
    "LossyImageCompressionMethod",
)
"""What stays true of a picture made from the image; a loss in its source is its own."""

_LATERALITY_DECIDERS = ("BodyPartExamined", "Laterality", "ImageLaterality")


def copy_context(source: Dataset, target: Dataset) -> None:
    """Copy patient, study and what stays true of the image, exactly as the source has it."""
    for keyword in (*_PATIENT_AND_STUDY, *_SERIES_AND_IMAGE):
        if keyword in source:
            target[keyword] = source[keyword]
    if "SpecificCharacterSet" in target and target["SpecificCharacterSet"].is_empty:
        del target.SpecificCharacterSet
    if not any(target.get(keyword) for keyword in _LATERALITY_DECIDERS):
        target.Laterality = ""  # type 2C: a body part that may be paired, and an unknown side


def referenced_image(source: Dataset, frame_number: int) -> Dataset:
    """Return an item of the Source Image Sequence (PS3.3 C.12.4.1.1)."""
    item = Dataset()
    item.ReferencedSOPClassUID = source.SOPClassUID
    item.ReferencedSOPInstanceUID = source.SOPInstanceUID
    if int(source.get("NumberOfFrames") or 1) > 1:
        item.ReferencedFrameNumber = frame_number
    purpose = Dataset()
    purpose.CodeValue, purpose.CodingSchemeDesignator, purpose.CodeMeaning = concept(
        "source-image"
    ).coded()
    item.PurposeOfReferenceCodeSequence = [purpose]
    return item
