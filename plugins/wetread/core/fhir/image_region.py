"""Where on which image something is: R4's ImagingStudy can be referred to only as a whole."""

from __future__ import annotations

from wetread.core.fhir.elements import Resource
from wetread.core.fhir.identifiers import REGION_EXTENSION
from wetread.core.findings import SCORE_DECIMALS, Candidate, Finding, Region


def image_region(seen: Finding | Candidate) -> Resource:
    """Return the extension that names the frame, the box on it and the place in the patient."""
    image = seen.image
    parts: list[Resource] = [
        {"url": "seriesInstanceUid", "valueUri": f"urn:oid:{image.series_instance_uid}"},
        {"url": "sopInstanceUid", "valueUri": f"urn:oid:{image.sop_instance_uid}"},
        {"url": "frame", "valuePositiveInt": image.frame_number},
    ]
    if seen.region:
        parts += _box(seen.region)
    if isinstance(seen, Finding) and seen.point_mm:
        parts += [
            {"url": f"{axis}Mm", "valueDecimal": round(value, 2)}
            for axis, value in zip("xyz", seen.point_mm, strict=True)
        ]
    return {"url": REGION_EXTENSION, "extension": parts}


def _box(region: Region) -> list[Resource]:
    return [
        {"url": name, "valueDecimal": round(getattr(region, name), SCORE_DECIMALS)}
        for name in ("x", "y", "width", "height")
    ]
