"""What will be analysed, row by row, and what will not, with the reason."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

from wetread.core.findings import ANALYSIS_MISSING, InstanceOutcome, StudyFindings
from wetread.core.headers import Header
from wetread.core.manifest import Manifest
from wetread.core.pixels.geometry import FRAMES_LIMIT
from wetread.core.pixels.policy import skip_reason
from wetread.core.pixels.sampling import expected_frames, sampling_of
from wetread.core.settings import Settings
from wetread.core.terminology import public_modality

STORE_REFUSED = "store-refused"


@dataclass(frozen=True)
class PlanRow:
    """One image series and every analysis that shares its pixels; one mapped task."""

    row_id: str
    series_instance_uid: str
    modality: str
    sop_instance_uids: tuple[str, ...]
    label: str
    """What the Airflow UI shows for the row; it names no identifier."""
    expected_images: int
    """Images that will be looked at; of cine loops and slides at most so many."""
    expected_vision_units: int
    """What Vision AI bills for them: images times features."""


@dataclass(frozen=True)
class Plan:
    """The rows of one study version, and the reason of every instance outside them."""

    rows: tuple[PlanRow, ...]
    skipped: tuple[InstanceOutcome, ...]

    @property
    def expected_vision_units(self) -> int:
        return sum(row.expected_vision_units for row in self.rows)

    def row(self, row_id: str) -> PlanRow:
        return next(row for row in self.rows if row.row_id == row_id)


def make_plan(manifest: Manifest, refused_by_store: Collection[str] = ()) -> Plan:
    """Plan the analysis of a sealed manifest; the same manifest gives the same plan.

    ``refused_by_store`` holds the SOPInstanceUIDs that the import did not accept.
    """
    series: dict[str, list[Header]] = defaultdict(list)
    skipped = []
    for header in manifest.instances:
        reason = _reason(header, refused_by_store)
        if reason:
            skipped.append(
                InstanceOutcome(header.sop_instance_uid, header.series_instance_uid, reason)
            )
        else:
            series[header.series_instance_uid].append(header)
    ordered = sorted(series.values(), key=_series_order)
    settings = Settings().with_analysis(manifest.analysis)
    rows = tuple(
        _row(number, len(ordered), members, settings) for number, members in enumerate(ordered, 1)
    )
    return Plan(rows, tuple(skipped))


def _reason(header: Header, refused_by_store: Collection[str]) -> str | None:
    if header.sop_instance_uid in refused_by_store:
        return STORE_REFUSED
    return skip_reason(header)


def _series_order(members: list[Header]) -> tuple[int, str]:
    number = members[0].series_number
    return (number if number is not None else 2**31, members[0].series_instance_uid)


def _row(number: int, of: int, members: list[Header], settings: Settings) -> PlanRow:
    modality = members[0].modality
    frames = [min(max(header.number_of_frames, 1), FRAMES_LIMIT) for header in members]
    expected = expected_frames(modality, frames, sampling_of(settings))
    units = expected * settings.vision_features
    noun = "image" if sum(frames) == 1 else "images"
    return PlanRow(
        row_id=f"s{number:02d}",
        series_instance_uid=members[0].series_instance_uid,
        modality=modality,
        sop_instance_uids=tuple(sorted(header.sop_instance_uid for header in members)),
        label=(
            f"{public_modality(modality)} series {number} of {of}, {sum(frames)} {noun},"
            f" {expected} to look at, {units} Vision units"
        ),
        expected_images=expected,
        expected_vision_units=units,
    )


def findings_before_analysis(manifest: Manifest, plan: Plan, settings_digest: str) -> StudyFindings:
    """Return what is known of the study before any row is analysed; rows are merged into it."""
    refused = tuple(InstanceOutcome("", "", refusal.reason) for _, refusal in manifest.refused)
    waiting = tuple(
        InstanceOutcome(uid, row.series_instance_uid, ANALYSIS_MISSING)
        for row in plan.rows
        for uid in row.sop_instance_uids
    )
    return StudyFindings(
        study_key=manifest.study_key,
        version=manifest.version,
        study_instance_uid=manifest.study_instance_uid,
        manifest_digest=manifest.digest,
        settings_digest=settings_digest,
        created_at=manifest.sealed_at,
        outcomes=(*refused, *plan.skipped, *waiting),
        missing_rows=tuple(row.row_id for row in plan.rows),
    )
