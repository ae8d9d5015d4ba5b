"""Which findings the new ones of an analysis take the place of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from wetread.core.errors import PermanentError
from wetread.core.findings import AnalysisFindings, AnalysisName

if TYPE_CHECKING:
    from wetread.gcp.study_records import StudyRecords


def superseded_by(findings: AnalysisFindings, records: StudyRecords) -> str:
    """Return the digest of what the analysis last said of the same series, or "".

    Earlier versions are sealed and their findings never change, so every try of a task gives the
    same answer. It reads the manifest, the import and the findings of the version before; older
    ones only where that version's analysis failed, or looked at nothing and so left no objects.

    Parameters
    ----------
    records : of the version that ``findings`` are of
    """
    series = frozenset(records.plan.row(findings.row_id).series_instance_uids)
    before = next(_before(findings.analysis_id, series, records.earlier), None)
    return before.digest if before and before.digest != findings.digest else ""


def _before(
    analysis_id: str, series: frozenset[str], earlier: tuple[StudyRecords, ...]
) -> Iterator[AnalysisFindings]:
    """Yield what an analysis said of any of these series, the newest first.

    The series decide, since rows are numbered anew when others arrive.
    """
    for records in earlier:
        if series.isdisjoint(_series(records)):
            return
        for row, analysis in records.plan.shown():
            if analysis.id == analysis_id and not series.isdisjoint(row.series_instance_uids):
                found = records.find(AnalysisName(row.row_id, analysis_id))
                if found and found.images:
                    yield found


def _series(records: StudyRecords) -> frozenset[str]:
    """Return the series of a version; none if somebody has removed its records since."""
    try:
        return frozenset(header.series_instance_uid for header in records.manifest.instances)
    except PermanentError as error:
        if error.code != "manifest-missing":
            raise
        return frozenset()
