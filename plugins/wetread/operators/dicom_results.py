"""Write a study's results as DICOM objects into the study itself."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from wetread.core.errors import RetriableError, WetreadError
from wetread.operators.study import StudyResultOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class WriteDicomResultsOperator(StudyResultOperator):
    """Store what each analysis found as DICOM objects of the study (STOW-RS).

    An analysis that looked at images gets a structured report, and as its findings call for it a
    segmentation, bulk annotations, a key image and a key object selection. UIDs and bytes follow
    from the findings and the source images alone, so the store takes repeated objects as the same.
    One analysis whose objects cannot be written leaves those of the others alone.

    Returns ``{"structured_reports", "segmentations", "bulk_annotations", "key_images",
    "key_object_selections"}``: the objects that are in the store.

    Raises
    ------
    WetreadError
        What the first analysis met whose objects could not be written, after the others are; the
        log names each.
    """

    def write(self, context: Context) -> dict[str, int]:
        from wetread.core.dicom.results import ResultKind
        from wetread.gcp.dicom_results import DicomResults

        records = self.records
        results = DicomResults(
            dicomweb=self.installation.dicomweb,
            study_instance_uid=records.manifest.study_instance_uid,
            held=Counter(header.series_instance_uid for header in records.manifest.instances),
            settings=records.settings,
            subject=str(self.version),
        )
        found: Counter[str] = Counter()
        failures: list[WetreadError] = []
        for analysis in records.findings().analyses:
            try:
                written = results.write(analysis)
            except WetreadError as error:
                self.log.warning("%s %s: %s", self.version, analysis.name, error)
                failures.append(error)
                continue
            found.update(name.kind for name in written.names)
            if written.kept:
                self.log.info(
                    "Kept %s objects of %s %s as another release wrote them.",
                    written.kept,
                    self.version,
                    analysis.name,
                )
        if failures:
            raise next((e for e in failures if isinstance(e, RetriableError)), failures[0])
        counts = {
            "structured_reports": found[ResultKind.STRUCTURED_REPORT],
            "segmentations": found[ResultKind.SEGMENTATION],
            "bulk_annotations": found[ResultKind.ANNOTATIONS],
            "key_images": found[ResultKind.KEY_IMAGE],
            "key_object_selections": found[ResultKind.KEY_OBJECTS],
        }
        self.log.info("Wrote DICOM objects for %s: %s", self.version, counts)
        return counts
