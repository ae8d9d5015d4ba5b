"""Where something lies in a study, by the numbers that viewers show."""

from __future__ import annotations

from collections.abc import Iterable

from wetread.core.fhir.study import SeriesFacts, StudyFacts
from wetread.core.findings import ImageReference
from wetread.core.terminology import body_part_concept, modality_concept


class Places:
    """Names the images and the series of one study."""

    def __init__(self, facts: StudyFacts) -> None:
        self._series = {series.series_instance_uid: series for series in facts.series}
        self._numbers = {
            instance.sop_instance_uid: instance.number
            for series in facts.series
            for instance in series.instances
        }

    def image(self, image: ImageReference) -> str:
        """Return such as ``series 1, image 36, frame 2``; the frame of a single one is left out."""
        series = self._series.get(image.series_instance_uid)
        number = image.instance_number
        if number is None:
            number = self._numbers.get(image.sop_instance_uid)
        frame = image.frame_number if image.frame_number > 1 else None
        return numbered(
            (("series", series.number if series else None), ("image", number), ("frame", frame))
        )

    def series(self, series_instance_uid: str, modality: str) -> str:
        """Return what a series shows, such as ``Computed Tomography, chest (series 1)``."""
        series = self._series.get(series_instance_uid, SeriesFacts(series_instance_uid))
        part = body_part_concept(series.body_part)
        name = modality_concept(modality).display + (f", {part.display.lower()}" if part else "")
        return name if series.number is None else f"{name} (series {series.number})"


def numbered(numbers: Iterable[tuple[str, int | None]]) -> str:
    """Return the known numbers after their nouns."""
    return ", ".join(f"{noun} {number}" for noun, number in numbers if number is not None)
