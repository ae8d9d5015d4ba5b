"""What a result inherits from the image it is about."""

from __future__ import annotations

from collections.abc import Iterable

from pydicom import Dataset

from wetread.core.dicom.stand_in import is_multi_frame
from wetread.core.terminology import concept

_PATIENT_AND_STUDY = (
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

_SPECIMEN = (
    "ContainerIdentifier",
    "IssuerOfTheContainerIdentifierSequence",
    "ContainerTypeCodeSequence",
    "SpecimenDescriptionSequence",
)
"""Module Specimen (PS3.3 C.7.6.22), without which nobody knows whose tissue a slide shows."""

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
    """Copy patient and study as the source has them; their text is encoded in UTF-8.

    DICOM JSON holds text without the encoding that it had, and words of a model may need any.
    """
    _copy(source, target, _PATIENT_AND_STUDY)
    target.SpecificCharacterSet = "ISO_IR 192"


def copy_image_facts(source: Dataset, target: Dataset) -> None:
    """Copy what stays true of an image made from another."""
    _copy(source, target, (*_SERIES_AND_IMAGE, *_SPECIMEN))
    if not any(target.get(keyword) for keyword in _LATERALITY_DECIDERS):
        target.Laterality = ""  # type 2C: a body part that may be paired, and an unknown side


def copy_specimen(source: Dataset, target: Dataset) -> None:
    """Copy whose tissue it is that annotations are about."""
    _copy(source, target, _SPECIMEN)


def _copy(source: Dataset, target: Dataset, keywords: Iterable[str]) -> None:
    for keyword in keywords:
        if keyword in source:
            # Values that were never looked at still have the encoding of their file.
            for item in source[keyword].value if source[keyword].VR == "SQ" else ():
                item.decode()
            target[keyword] = source[keyword]


def referenced_image(source: Dataset, frame_number: int) -> Dataset:
    """Return an item of the Source Image Sequence (PS3.3 C.12.4.1.1)."""
    item = Dataset()
    item.ReferencedSOPClassUID = source.SOPClassUID
    item.ReferencedSOPInstanceUID = source.SOPInstanceUID
    if is_multi_frame(source):
        item.ReferencedFrameNumber = frame_number
    purpose = Dataset()
    purpose.CodeValue, purpose.CodingSchemeDesignator, purpose.CodeMeaning = concept(
        "source-image"
    ).coded()
    item.PurposeOfReferenceCodeSequence = [purpose]
    return item
