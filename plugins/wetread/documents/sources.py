"""What was analysed and by whom: the rows of a report's account of itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from wetread.core.fhir.elements import counted
from wetread.core.findings import AnalysisFindings, AnalysisSource, StudyFindings
from wetread.core.pixels.policy import remarks
from wetread.documents.places import Places
from wetread.documents.words import model_name, short_digest


@dataclass(frozen=True)
class AnalysisRow:
    """One series as one model saw it; ``notes`` say how its pictures were made."""

    series: str
    images: int
    model: str
    is_specialised: bool
    notes: tuple[str, ...]


@dataclass(frozen=True)
class ModelRow:
    """Which model it was: digests are short, and empty for a service that tells none."""

    name: str
    container: str
    weights: str
    settings: str


def analysis_rows(findings: StudyFindings, places: Places) -> list[AnalysisRow]:
    """Return a row for each analysis that succeeded, in the order of the plan."""
    return [
        AnalysisRow(
            series=places.series(analysis.series_instance_uid, analysis.modality),
            images=analysis.images,
            model=model_name(analysis.source),
            is_specialised=analysis.is_specialised,
            notes=tuple(_notes(analysis)),
        )
        for analysis in findings.analyses
    ]


def model_rows(findings: StudyFindings) -> list[ModelRow]:
    """Return each model once, by name."""
    rows = {_model(analysis.source) for analysis in findings.analyses}
    return sorted(rows, key=lambda row: (row.name, row.settings, row.weights))


def _notes(analysis: AnalysisFindings) -> Iterator[str]:
    yield from (remarks()[code] for code in analysis.remarks)
    if analysis.masked_images:
        yield f"Burned-in text was masked in {counted(analysis.masked_images, 'image')}."
    if analysis.withheld_images:
        withheld = counted(analysis.withheld_images, "image")
        yield f"{withheld} not sent because of burned-in text."


def _model(source: AnalysisSource) -> ModelRow:
    return ModelRow(
        name=model_name(source),
        container=source.container.rpartition("/")[2],
        weights=short_digest(source.weights_digest),
        settings=short_digest(source.settings_digest),
    )
