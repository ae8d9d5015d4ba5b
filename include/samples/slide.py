"""What whole slide images say beside their pixels: specimen, optics and place (PS3.3 C.8.12)."""

from __future__ import annotations

from PIL import ImageCms
from pydicom import Dataset
from pydicom.sequence import Sequence

from samples import part10
from samples.identity import uid

ORIGIN_MM = (18.0, 42.0)
"""Where the first pixel's centre lies on the slide, from its corner; rows and columns run back."""
ORIENTATION = (0, -1, 0, -1, 0, 0)
THICKNESS_MM = 0.001
_CREATION = slice(24, 36)


def describe(ds: Dataset, study: str, height_mm: float, width_mm: float) -> None:
    """Write the modules of a slide, of which a part of this size is imaged."""
    ds.BodyPartExamined = "BREAST"
    ds.FrameOfReferenceUID = uid(study, "frame")
    ds.PositionReferenceIndicator = "SLIDE_CORNER"
    ds.AcquisitionDateTime = part10.STUDY_DATE + part10.STUDY_TIME
    ds.AcquisitionContextSequence = Sequence()
    _describe_specimen(ds, study)
    _describe_optics(ds)
    origin = Dataset()
    origin.XOffsetInSlideCoordinateSystem, origin.YOffsetInSlideCoordinateSystem = ORIGIN_MM
    ds.TotalPixelMatrixOriginSequence = Sequence([origin])
    ds.ImageOrientationSlide = list(ORIENTATION)
    ds.TotalPixelMatrixFocalPlanes = 1
    ds.ImagedVolumeHeight, ds.ImagedVolumeWidth = height_mm, width_mm
    ds.ImagedVolumeDepth = THICKNESS_MM * 1000  # in µm, unlike the other two
    ds.VolumetricProperties = "VOLUME"
    ds.FocusMethod, ds.ExtendedDepthOfField = "AUTO", "NO"
    organization = Dataset()
    organization.DimensionOrganizationUID = uid(study, "dimensions")
    ds.DimensionOrganizationSequence = Sequence([organization])
    ds.DimensionOrganizationType = "TILED_FULL"


def _describe_specimen(ds: Dataset, study: str) -> None:
    ds.ContainerIdentifier = "BLOCK-1"
    ds.IssuerOfTheContainerIdentifierSequence = Sequence()
    ds.ContainerTypeCodeSequence = Sequence([part10.code("433466003", "SCT", "Microscope slide")])
    specimen = Dataset()
    specimen.SpecimenIdentifier = "BLOCK-1-A"
    specimen.SpecimenUID = uid(study, "specimen")
    specimen.IssuerOfTheSpecimenIdentifierSequence = Sequence()
    specimen.SpecimenPreparationSequence = Sequence()
    ds.SpecimenDescriptionSequence = Sequence([specimen])


def _describe_optics(ds: Dataset) -> None:
    path = Dataset()
    path.OpticalPathIdentifier = "1"
    path.IlluminationTypeCodeSequence = Sequence(
        [part10.code("111744", "DCM", "Brightfield illumination")]
    )
    path.IlluminationColorCodeSequence = Sequence([part10.code("371251000", "SCT", "White color")])
    path.ICCProfile = _srgb()
    path.ColorSpace = "SRGB"
    ds.OpticalPathSequence = Sequence([path])
    ds.NumberOfOpticalPaths = 1


def _srgb() -> bytes:
    """Return the profile of sRGB without the time at which it was made (ISO 15076-1, 7.2.8)."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[_CREATION] = bytes.fromhex("07ea 0001 0001 0000 0000 0000")
    return bytes(profile) + b"\0" * (len(profile) % 2)
