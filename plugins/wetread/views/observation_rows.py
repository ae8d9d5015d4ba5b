"""What models saw and what they looked for in vain, as rows, read from FHIR Observations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from wetread.core.fhir.elements import Resource
from wetread.core.fhir.guard import OPEN_OBSERVATION_STATUSES
from wetread.core.fhir.identifiers import REGION_EXTENSION
from wetread.core.findings import CandidateKind, Finding, Measurement
from wetread.core.terminology import concept, terminology
from wetread.documents.places import numbered

ABSENCE = "absence"
_NAMES = {Finding.kind: "AI finding, to be confirmed", ABSENCE: "looked for and not found"}


@dataclass(frozen=True)
class ObservationRow:
    """One finding, absence or candidate in words; ``score`` and ``threshold`` lie in 0..1.

    ``kind`` is finding, absence, anomaly or object; ``kind_name`` is what people call it, ``size``
    what was measured, ``model`` who said it. ``decision`` is the status that a person gave it.
    """

    kind: str
    kind_name: str
    label: str
    size: str
    score: float | None
    threshold: float | None
    image: str
    model: str
    decision: str


def image_names(study: Resource) -> Mapping[str, str]:
    """Name every image of an ImagingStudy by its numbers, as viewers do, under its UID."""
    return dict(_images(study))


def series_numbers(study: Resource) -> Mapping[str, int | None]:
    """Return the numbers of an ImagingStudy's series by their UIDs."""
    return {series.get("uid"): series.get("number") for series in study.get("series", [])}


def observation_rows(
    observations: Iterable[Resource], images: Mapping[str, str]
) -> tuple[ObservationRow, ...]:
    """Return a row for each Observation, in their order; ``images`` are names by UID."""
    return tuple(_row(observation, images) for observation in observations)


def frame_name(images: Mapping[str, str], sop_instance_uid: str, frame_number: int) -> str:
    """Name a frame; the image alone when it is the first, and nothing for an unknown image."""
    name = images.get(sop_instance_uid, "")
    return f"{name}, frame {frame_number}" if name and frame_number > 1 else name


def _row(observation: Resource, images: Mapping[str, str]) -> ObservationRow:
    components = {
        code.get("code"): component.get("valueQuantity", {})
        for component in observation.get("component", [])
        for code in component.get("code", {}).get("coding", [])
    }
    kind, name, label = _described(observation)
    status = str(observation.get("status") or "")
    return ObservationRow(
        kind=kind,
        kind_name=name,
        label=label,
        size=", ".join(_measured(components)),
        score=components.get(concept("score").code, {}).get("value"),
        threshold=components.get(concept("threshold").code, {}).get("value"),
        image=_image(observation, images),
        model=str(observation.get("device", {}).get("display") or ""),
        decision="" if status in OPEN_OBSERVATION_STATUSES else status,
    )


def _described(observation: Resource) -> tuple[str, str, str]:
    """Return the kind, its name, and the label of what an Observation is about."""
    coding = _coding(observation.get("code", {}))
    value = observation.get("valueCodeableConcept", {})
    for finding in terminology().findings.values():
        if (coding.get("system"), coding.get("code")) == (finding.system, finding.code):
            is_absent = _coding(value).get("code") == concept("absent").code
            kind = ABSENCE if is_absent else Finding.kind
            return kind, _NAMES[kind], finding.label
    is_anomaly = coding.get("code") == concept("anomaly-candidate").code
    kind = CandidateKind.ANOMALY if is_anomaly else CandidateKind.OBJECT
    return kind, str(coding.get("display") or ""), str(value.get("text") or "")


def _coding(codeable: Resource) -> Resource:
    return next(iter(codeable.get("coding", [])), {})


def _measured(components: Mapping[str, Resource]) -> Iterator[str]:
    for name in terminology().measures:
        if quantity := components.get(concept(name).code):
            yield Measurement(name, float(quantity["value"]), str(quantity["unit"])).words


def _image(observation: Resource, images: Mapping[str, str]) -> str:
    for extension in observation.get("extension", []):
        if extension.get("url") == REGION_EXTENSION:
            region = {part.get("url"): part for part in extension.get("extension", [])}
            uid = region.get("sopInstanceUid", {}).get("valueUri", "").removeprefix("urn:oid:")
            return frame_name(images, uid, region.get("frame", {}).get("valuePositiveInt", 1))
    return ""


def _images(study: Resource) -> Iterator[tuple[str, str]]:
    for series in study.get("series", []):
        for instance in series.get("instance", []):
            numbers = (("series", series.get("number")), ("image", instance.get("number")))
            yield instance.get("uid"), numbered(numbers)
