"""Write a study's results as DICOM objects into the study itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wetread.operators.study import StudyResultOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from wetread.core.findings import AnalysisFindings


class WriteDicomResultsOperator(StudyResultOperator):
    """Store a key image for every series with an anomaly candidate (STOW-RS).

    The object's UIDs and bytes follow from the findings alone, so the store takes a repeated one
    as the same. "AI - not for diagnosis" is burned into the image.

    Returns ``{"key_images": …}``.
    """

    def write(self, context: Context) -> dict[str, int]:
        findings = self.records.findings()
        written = sum(self._write_key_image(analysis) for analysis in findings.analyses)
        self.log.info("Wrote %s key images for %s", written, self.version)
        return {"key_images": written}

    def _write_key_image(self, analysis: AnalysisFindings) -> bool:
        from wetread.core.dicom.key_image import build_key_image
        from wetread.core.dicom.names import best_image
        from wetread.core.pixels.modalities import prepare_frame
        from wetread.core.pixels.modalities.contract import options_of
        from wetread.core.pixels.reading import read_instance

        marked = best_image(analysis)
        if not marked:
            return False
        image, subject = marked[0].image, f"key image of {self.version} {analysis.row_id}"
        dicomweb = self.installation.dicomweb
        uid = self.records.manifest.study_instance_uid
        source = read_instance(
            dicomweb.retrieve_instance(
                uid, image.series_instance_uid, image.sop_instance_uid, subject
            )
        )
        options = options_of(self.records.settings)
        rendered = prepare_frame(source, image.frame_number, options)
        blob = build_key_image(source, rendered.pixels, marked, analysis)
        dicomweb.store_instance(uid, blob, subject)
        return True
