"""What will be analysed, row by row, and what will not, with the reason."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from wetread.core.canonical import digest
from wetread.core.findings import (
    ANALYSIS_MISSING,
    AnalysisName,
    InstanceOutcome,
    StudyFindings,
)
from wetread.core.headers import Header
from wetread.core.manifest import Manifest
from wetread.core.pixels.geometry import FRAMES_LIMIT
from wetread.core.pixels.policy import skip_reason
from wetread.core.pixels.sampling import expected_frames, sampling_of
from wetread.core.routing.analysis import Analysis, Input, Scope
from wetread.core.routing.matching import matching_analyses
from wetread.core.settings import Settings
from wetread.core.terminology import public_modality

STORE_REFUSED = "store-refused"
NO_ANALYSIS = "no-analysis"


@dataclass(frozen=True)
class PlanRow:
    """One image series, or several of a study, and every analysis of it; one mapped task."""

    row_id: str
    series_instance_uids: tuple[str, ...]
    modality: str
    sop_instance_uids: tuple[str, ...]
    label: str
    """What the Airflow UI shows for the row; it names no identifier."""
    expected_images: int
    """Images that will be looked at one by one; of cine loops and slides at most so many."""
    expected_vision_units: int
    """What Vision AI bills for them: images times features."""
    analyses: tuple[str, ...]
    """Ids of the analyses, in the order of the table."""

    @property
    def series_instance_uid(self) -> str:
        """The series, or the first of several."""
        return self.series_instance_uids[0]


@dataclass(frozen=True)
class UnmatchedSeries:
    """An image series that no analysis takes; ``number`` is its place among the study's series."""

    modality: str
    number: int
    of: int
    images: int

    @property
    def label(self) -> str:
        """What the run says of the series; it names no identifier."""
        return _series_label(self.modality, self.number, self.of, self.images)


@dataclass(frozen=True)
class Plan:
    """The rows of one study version, and the reason of every instance that nobody will see.

    ``analyses`` are those of the rows, by id, in the order of the table. ``settings_digest`` is
    that of the settings that concern each of them.
    """

    rows: tuple[PlanRow, ...]
    skipped: tuple[InstanceOutcome, ...]
    unmatched: tuple[UnmatchedSeries, ...]
    analyses: Mapping[str, Analysis]
    settings_digest: str

    @property
    def expected_vision_units(self) -> int:
        return sum(row.expected_vision_units for row in self.rows)

    @property
    def digest(self) -> str:
        """The digest of what determines the results: the settings, and the live analyses used.

        Another row of the table, or a model in shadow, changes no report.
        """
        live = [(name, a.digest) for name, a in sorted(self.analyses.items()) if a.is_live]
        return digest([self.settings_digest, live])

    def row(self, row_id: str) -> PlanRow:
        return next(row for row in self.rows if row.row_id == row_id)

    def digest_of(self, analysis_id: str) -> str:
        """Return the digest of what determines the findings of one analysis, besides the images."""
        return digest([self.settings_digest, analysis_id, self.analyses[analysis_id].digest])

    def shown(self) -> Iterator[tuple[PlanRow, Analysis]]:
        """Yield each live analysis with its row: what results are made of."""
        for row in self.rows:
            for name in row.analyses:
                if self.analyses[name].is_live:
                    yield row, self.analyses[name]


@dataclass(frozen=True)
class _Series:
    """An image series with its place among the study's, and the analyses that take it."""

    number: int
    of: int
    images: tuple[Header, ...]
    analyses: tuple[Analysis, ...]

    @property
    def uid(self) -> str:
        return self.images[0].series_instance_uid

    @property
    def modality(self) -> str:
        return self.images[0].modality

    @property
    def frames(self) -> list[int]:
        return [min(max(image.number_of_frames, 1), FRAMES_LIMIT) for image in self.images]


def make_plan(manifest: Manifest, refused_by_store: Collection[str] = ()) -> Plan:
    """Plan the analysis of a sealed manifest; the same manifest gives the same plan.

    ``refused_by_store`` holds the SOPInstanceUIDs that the import did not accept.
    """
    settings = Settings().with_analysis(manifest.analysis)
    members: dict[str, list[Header]] = defaultdict(list)
    skipped = []
    for header in manifest.instances:
        reason = _reason(header, refused_by_store)
        if reason:
            skipped.append(_outcome(header, reason))
        else:
            members[header.series_instance_uid].append(header)
    series = _series(members.values(), settings)
    for one in series:
        if not any(analysis.is_live for analysis in one.analyses):
            skipped += [_outcome(image, NO_ANALYSIS) for image in one.images]
    rows = (*_series_rows(series, settings), *_study_rows(series, settings))
    used = {name for row in rows for name in row.analyses}
    return Plan(
        rows=rows,
        skipped=tuple(skipped),
        unmatched=tuple(
            UnmatchedSeries(one.modality, one.number, one.of, sum(one.frames))
            for one in series
            if not one.analyses
        ),
        analyses={name: a for name, a in settings.analysis_table.items() if name in used},
        settings_digest=settings.analysis_digest,
    )


def _reason(header: Header, refused_by_store: Collection[str]) -> str | None:
    if header.sop_instance_uid in refused_by_store:
        return STORE_REFUSED
    return skip_reason(header)


def _outcome(header: Header, reason: str) -> InstanceOutcome:
    return InstanceOutcome(header.sop_instance_uid, header.series_instance_uid, reason)


def _series(members: Collection[Sequence[Header]], settings: Settings) -> list[_Series]:
    ordered = enumerate(sorted(members, key=_series_order), 1)
    table = settings.analysis_table
    return [
        _Series(number, len(members), tuple(images), matching_analyses(table, images))
        for number, images in ordered
    ]


def _series_order(images: Sequence[Header]) -> tuple[int, str]:
    number = images[0].series_number
    return (number if number is not None else 2**31, images[0].series_instance_uid)


def _series_rows(series: Iterable[_Series], settings: Settings) -> Iterator[PlanRow]:
    for one in series:
        analyses = [a for a in one.analyses if a.scope is Scope.SERIES]
        if analyses:
            label = _series_label(one.modality, one.number, one.of, sum(one.frames))
            yield _row(f"s{one.number:02d}", label, [one], analyses, settings)


def _study_rows(series: Sequence[_Series], settings: Settings) -> Iterator[PlanRow]:
    number = 0
    for analysis in settings.analysis_table.values():
        taken = [one for one in series if analysis in one.analyses]
        if analysis.scope is Scope.STUDY and taken:
            number += 1
            label = f"{len(taken)} of {taken[0].of} series, {_images(_frames(taken))}"
            # "w" for the whole study: such rows stand behind those of single series.
            yield _row(f"w{number:02d}", label, taken, [analysis], settings)


def _row(
    row_id: str,
    label: str,
    series: Sequence[_Series],
    analyses: Sequence[Analysis],
    settings: Settings,
) -> PlanRow:
    expected = {a.id: _expected_images(a, series, settings) for a in analyses}
    images = max(expected.values())
    vision = [expected[a.id] * settings.vision_features for a in analyses if a.is_vision]
    named = [a.id for a in analyses if a.is_live and not a.is_vision]
    parts = [
        label,
        *([f"{images} to look at"] if images else []),
        *(f"{units} Vision units" for units in vision),
        *named,
    ]
    return PlanRow(
        row_id=row_id,
        series_instance_uids=tuple(one.uid for one in series),
        modality=series[0].modality,
        sop_instance_uids=tuple(
            sorted(image.sop_instance_uid for one in series for image in one.images)
        ),
        label=", ".join(parts),
        expected_images=images,
        expected_vision_units=sum(vision),
        analyses=tuple(a.id for a in analyses),
    )


def _expected_images(analysis: Analysis, series: Sequence[_Series], settings: Settings) -> int:
    """Return how many images are chosen for an analysis; a reference chooses none."""
    if analysis.input not in (Input.FRAMES, Input.TILES):
        return 0
    sampling = sampling_of(settings, analysis.sampling)
    return sum(expected_frames(one.modality, one.frames, sampling) for one in series)


def _frames(series: Iterable[_Series]) -> int:
    return sum(sum(one.frames) for one in series)


def _series_label(modality: str, number: int, of: int, images: int) -> str:
    return f"{public_modality(modality)} series {number} of {of}, {_images(images)}"


def _images(count: int) -> str:
    return f"{count} image" if count == 1 else f"{count} images"


def findings_before_analysis(manifest: Manifest, plan: Plan, settings_digest: str) -> StudyFindings:
    """Return what is known of the study before any analysis; what they find is merged into it."""
    refused = tuple(InstanceOutcome("", "", refusal.reason) for _, refusal in manifest.refused)
    awaited = {uid for row, _ in plan.shown() for uid in row.sop_instance_uids}
    waiting = tuple(
        _outcome(header, ANALYSIS_MISSING)
        for header in manifest.instances
        if header.sop_instance_uid in awaited
    )
    return StudyFindings(
        study_key=manifest.study_key,
        version=manifest.version,
        study_instance_uid=manifest.study_instance_uid,
        manifest_digest=manifest.digest,
        settings_digest=settings_digest,
        created_at=manifest.sealed_at,
        outcomes=(*refused, *plan.skipped, *waiting),
        missing=tuple(AnalysisName(row.row_id, analysis.id) for row, analysis in plan.shown()),
    )
