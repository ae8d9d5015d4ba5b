"""Analyse the images of a series with every model that the table of analyses gives it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from wetread.core.errors import RetriableError, WetreadError
from wetread.core.events import analysis_event
from wetread.core.findings import AnalysisFindings, AnalysisName, best_outcomes
from wetread.core.outcomes import count_outcomes
from wetread.notifiers.failure_event import EVENTS
from wetread.operators.discretion import discreet
from wetread.operators.study import StudyOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from wetread.core.plan import PlanRow
    from wetread.core.routing.analysis import Analysis
    from wetread.gcp.row_analysis import Ran


class AnalyzeImagesOperator(StudyOperator):
    """Run every analysis of one plan row: Vision AI, and the specialised models on Vertex AI.

    Images are rendered once, as a radiologist would see them, and leave as PNG without a name, a
    UID or any other metadata; a model that wants whole volumes reads them from the DICOM store
    meanwhile. The findings of each analysis are written once: a second try, or a cleared task, runs
    only those that are missing. Vision AI is a general-purpose service; its objects are
    non-diagnostic candidates.

    Returns ``{"analyses", "images", "vision_units", "masked_images", "masked_regions",
    "withheld_images", "findings", "candidates", "anomalies", "analysed", …}``: the analyses that
    are there, the images that were looked at, what Vision AI bills for them, what became of
    burned-in text, and the instances by outcome. What shadow models said is not counted.

    Parameters
    ----------
    row
        One row of the plan, ``{"row_id", "label"}``, as :class:`ImportStudyOperator` returns it.

    Raises
    ------
    WetreadError
        What the first live analysis met that failed, after the others are written; the log says of
        each how it ended.
    """

    template_fields: Sequence[str] = (*StudyOperator.template_fields, "row")

    def __init__(self, *, row: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.row = row

    @discreet()
    def execute(self, context: Context) -> dict[str, int]:
        records = self.records
        row = records.plan.row(self.row["row_id"])
        found = {name: records.find(AnalysisName(row.row_id, name)) for name in row.analyses}
        wanted = [records.plan.analyses[name] for name in row.analyses if not found[name]]
        failures: list[WetreadError] = []
        for ran in self._run(row, wanted):
            if not isinstance(ran.result, WetreadError):
                found[ran.analysis.id] = records.record(ran.result)
            else:
                self.log.warning("%s %s: %s", self.version, ran.analysis.id, ran.result)
                if ran.analysis.is_live:
                    failures.append(ran.result)
            EVENTS.info("%s", self._event(row, ran))
        if failures:
            raise next((e for e in failures if isinstance(e, RetriableError)), failures[0])
        result = _counts(
            f for name, f in found.items() if f and records.plan.analyses[name].is_live
        )
        self.log.info("Analysed %s, %s: %s", self.version, self.row["label"], result)
        return result

    def _run(self, row: PlanRow, wanted: Sequence[Analysis]) -> Iterator[Ran]:
        if not wanted:
            return
        from wetread.hooks.row_analysis import row_analysis

        records = self.records
        with row_analysis(self.installation, records, row, self.version) as analysis:
            yield from analysis.run(
                records.manifest.study_instance_uid,
                row,
                wanted,
                datetime.now(UTC).isoformat(timespec="seconds"),
            )

    def _event(self, row: PlanRow, ran: Ran) -> str:
        return analysis_event(
            ran.result,
            study_key=self.version.study_key,
            version=self.version.version,
            row=row.row_id,
            analysis=ran.analysis.id,
            mode=ran.analysis.mode,
            seconds=ran.seconds,
        ).json_line()


def _counts(found: Iterable[AnalysisFindings]) -> dict[str, int]:
    analyses = list(found)
    outcomes = count_outcomes(o.reason for o in best_outcomes(analyses).values())
    return {
        "analyses": len(analyses),
        "images": max((a.images for a in analyses), default=0),
        "vision_units": sum(a.vision_units for a in analyses),
        "masked_images": max((a.masked_images for a in analyses), default=0),
        "masked_regions": max((a.masked_regions for a in analyses), default=0),
        "withheld_images": max((a.withheld_images for a in analyses), default=0),
        "findings": sum(len(a.findings) for a in analyses),
        "candidates": sum(len(a.candidates) for a in analyses),
        "anomalies": sum(len(a.anomalies) for a in analyses),
        **outcomes.as_dict(),
    }
