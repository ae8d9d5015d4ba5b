"""Analyse the images of a series with Vision AI."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from wetread.core.outcomes import count_outcomes
from wetread.operators.discretion import discreet
from wetread.operators.study import StudyOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from wetread.core.findings import AnalysisFindings


class AnalyzeImagesOperator(StudyOperator):
    """Render the images of one plan row as a radiologist would see them, and annotate them.

    Pixels leave as PNG without a name, a UID or any other metadata. The findings are written once:
    a second try, or a cleared task, reads what the first one wrote. Vision AI is a general-purpose
    service; its objects are non-diagnostic candidates.

    Returns ``{"images", "vision_units", "masked_images", "masked_regions", "withheld_images",
    "candidates", "anomalies", "analysed", …}``: the images that were looked at, what Vision AI
    bills for them, what became of burned-in text, and the instances by outcome.

    Parameters
    ----------
    row
        One row of the plan, ``{"row_id", "label"}``, as :class:`ImportStudyOperator` returns it.
    """

    template_fields: Sequence[str] = (*StudyOperator.template_fields, "row")

    def __init__(self, *, row: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.row = row

    @discreet()
    def execute(self, context: Context) -> dict[str, int]:
        row_id = self.row["row_id"]
        findings = self.records.find_row(row_id) or self._analyse(row_id)
        counts = count_outcomes(outcome.reason for outcome in findings.outcomes)
        result = {
            "images": findings.images,
            "vision_units": findings.vision_units,
            "masked_images": findings.masked_images,
            "masked_regions": findings.masked_regions,
            "withheld_images": findings.withheld_images,
            "candidates": len(findings.candidates),
            "anomalies": len(findings.anomalies),
            **counts.as_dict(),
        }
        self.log.info("Analysed %s, %s: %s", self.version, self.row["label"], result)
        return result

    def _analyse(self, row_id: str) -> AnalysisFindings:
        from wetread.gcp.analysis import SeriesAnalysis
        from wetread.hooks.text_detection import text_detector
        from wetread.hooks.vision import VisionHook

        settings = self.records.settings
        vision = VisionHook(gcp_conn_id=self.gcp_conn_id)
        analysis = SeriesAnalysis(
            dicomweb=self.installation.dicomweb,
            vision=vision.client(max_results=settings.vision_max_results),
            text_detector=text_detector,
            settings=settings,
            subject=f"{self.version} {row_id}",
        )
        return self.records.record_row(
            analysis.run(
                self.records.manifest.study_instance_uid,
                self.records.plan.row(row_id),
                datetime.now(UTC).isoformat(timespec="seconds"),
            )
        )
