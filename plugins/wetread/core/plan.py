"""What will be analysed, row by row, and what will not, with the reason."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

from wetread.core.findings import ANALYSIS_MISSING, InstanceOutcome, StudyFindings
from wetread.core.headers import Header
from wetread.core.manifest import Manifest
from wetread.core.pixels.policy import skip_reason
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


@dataclass(frozen=True)
class Plan:
    """The rows of one study version, and the reason of every instance outside them."""

    rows: tuple[PlanRow, ...]
    skipped: tuple[InstanceOutcome, ...]

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
    rows = tuple(_row(number, len(ordered), members) for number, members in enumerate(ordered, 1))
    return Plan(rows, tuple(skipped))


def _reason(header: Header, refused_by_store: Collection[str]) -> str | None:
    if header.sop_instance_uid in refused_by_store:
        return STORE_REFUSED
    return skip_reason(header)


def _series_order(members: list[Header]) -> tuple[int, str]:
    number = members[0].series_number
    return (number if number is not None else 2**31, members[0].series_instance_uid)


def _row(number: int, of: int, members: list[Header]) -> PlanRow:
    images = sum(header.number_of_frames for header in members)
    noun = "image" if images == 1 else "images"
    return PlanRow(
        row_id=f"s{number:02d}",
        series_instance_uid=members[0].series_instance_uid,
        modality=members[0].modality,
        sop_instance_uids=tuple(sorted(header.sop_instance_uid for header in members)),
        label=f"{public_modality(members[0].modality)} series {number} of {of}, {images} {noun}",
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
