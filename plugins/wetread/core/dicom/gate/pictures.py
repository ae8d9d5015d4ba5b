"""Pixels: of a secondary capture, and what both kinds of images share."""

from __future__ import annotations

from collections.abc import Iterator

from pydicom import Dataset

from wetread.core.violation import Violation

_SOURCE = ("ReferencedSOPClassUID", "ReferencedSOPInstanceUID")


def capture_violations(image: Dataset) -> Iterator[Violation]:
    """Yield what is wrong with a key image (PS3.3 A.8.1)."""
    if image.get("BurnedInAnnotation") != "YES":
        yield Violation("dicom.sc.burned-in", "BurnedInAnnotation")
    if list(image.get("ImageType") or ())[:2] != ["DERIVED", "SECONDARY"]:
        yield Violation("dicom.sc.image-type", "ImageType")
    sources = image.get("SourceImageSequence") or ()
    if not sources or not all(source.get(uid) for source in sources for uid in _SOURCE):
        yield Violation("dicom.sc.source", "SourceImageSequence")
    yield from pixel_violations(image)


def pixel_violations(image: Dataset) -> Iterator[Violation]:
    """Yield where the pixel data and what describes it disagree (PS3.3 C.7.6.3)."""
    allocated, stored = image.get("BitsAllocated", 0), image.get("BitsStored", 0)
    if not 0 < stored <= allocated or image.get("HighBit") != stored - 1:
        yield Violation("dicom.pixel.bits", "BitsStored")
    samples = image.get("SamplesPerPixel")
    if (samples == 3) != (image.get("PhotometricInterpretation") == "RGB"):
        yield Violation("dicom.pixel.samples", "SamplesPerPixel")
    if samples == 3 and image.get("PlanarConfiguration") is None:
        yield Violation("dicom.pixel.samples", "PlanarConfiguration")
    frames = int(image.get("NumberOfFrames") or 1)
    bits = (image.get("Rows") or 0) * (image.get("Columns") or 0) * (samples or 0)
    octets = (bits * frames * allocated + 7) // 8
    if not octets or len(image.get("PixelData") or b"") != octets + octets % 2:
        yield Violation("dicom.pixel.length", "PixelData")
