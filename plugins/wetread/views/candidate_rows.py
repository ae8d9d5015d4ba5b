"""What models saw as rows of a table, read from the report's FHIR Observations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from wetread.core.fhir.elements import Resource
from wetread.core.fhir.identifiers import REGION_EXTENSION
from wetread.core.findings import CandidateKind, Finding, Measurement
from wetread.core.terminology import terminology

_FINDING_NAME = "AI finding, to be confirmed"


@dataclass(frozen=True)
class CandidateRow:
    """One finding or candidate in words; ``score`` and ``threshold`` lie in 0..1.

    ``kind`` is finding, anomaly or object; ``kind_name`` is what people call it; ``size`` is what
    was measured.
    """

    kind: str
    kind_name: str
    label: str
    size: str
    score: float | None
    threshold: float | None
    image: str


def image_names(study: Resource) -> Mapping[str, str]:
    """Name every image of an ImagingStudy by its numbers, as viewers do, under its UID."""
    return dict(_images(study))


def candidate_rows(
    observations: Iterable[Resource], images: Mapping[str, str]
) -> tuple[CandidateRow, ...]:
    """Return a row for each Observation, in their order; ``images`` are names by UID."""
    return tuple(_row(observation, images) for observation in observations)


def _row(observation: Resource, images: Mapping[str, str]) -> CandidateRow:
    coding: Resource = next(iter(observation.get("code", {}).get("coding", [])), {})
    components = {
        code.get("code"): component.get("valueQuantity", {})
        for component in observation.get("component", [])
        for code in component.get("code", {}).get("coding", [])
    }
    kind, name, label = _described(observation, coding)
    return CandidateRow(
        kind=kind,
        kind_name=name,
        label=label,
        size=", ".join(_measured(components)),
        score=components.get("score", {}).get("value"),
        threshold=components.get("threshold", {}).get("value"),
        image=_image(observation, images),
    )


def _described(observation: Resource, coding: Resource) -> tuple[str, str, str]:
    """Return the kind, its name, and the label of what an Observation is about."""
    for finding in terminology().findings.values():
        if (coding.get("system"), coding.get("code")) == (finding.system, finding.code):
            return Finding.kind, _FINDING_NAME, finding.label
    concepts = terminology().concepts
    is_anomaly = coding.get("code") == concepts["anomaly-candidate"].code
    kind = CandidateKind.ANOMALY if is_anomaly else CandidateKind.OBJECT
    label = str(observation.get("valueCodeableConcept", {}).get("text") or "")
    return kind, str(coding.get("display") or ""), label


def _measured(components: Mapping[str, Resource]) -> Iterator[str]:
    concepts = terminology().concepts
    for name in terminology().measures:
        if quantity := components.get(concepts[name].code):
            yield Measurement(name, float(quantity["value"]), str(quantity["unit"])).words


def _image(observation: Resource, images: Mapping[str, str]) -> str:
    for extension in observation.get("extension", []):
        if extension.get("url") == REGION_EXTENSION:
            region = {part.get("url"): part for part in extension.get("extension", [])}
            uid = region.get("sopInstanceUid", {}).get("valueUri", "").removeprefix("urn:oid:")
            frame = region.get("frame", {}).get("valuePositiveInt", 1)
            return frame_name(images, uid, frame)
    return ""


def frame_name(images: Mapping[str, str], sop_instance_uid: str, frame_number: int) -> str:
    """Name a frame; the image alone when it is the first, and nothing for an unknown image."""
    name = images.get(sop_instance_uid, "")
    return f"{name}, frame {frame_number}" if name and frame_number > 1 else name


def _images(study: Resource) -> Iterator[tuple[str, str]]:
    for series in study.get("series", []):
        for instance in series.get("instance", []):
            numbers = (("series", series.get("number")), ("image", instance.get("number")))
            yield instance.get("uid"), _numbered(numbers)


def _numbered(numbers: Iterable[tuple[str, Any]]) -> str:
    return ", ".join(f"{noun} {number}" for noun, number in numbers if number is not None)
