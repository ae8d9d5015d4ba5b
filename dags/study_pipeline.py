"""### Give one study its preliminary read

One run is about one version of one study; its run id is `study__<study key>__v<n>`. Runs are
started by `study_intake` when files arrive, and by `study_request` by hand.

1. **await_study** waits for `_COMPLETE` in the sender's folder, or for a quiet period.
2. **import_study** decides for good what the version consists of, and imports it.
3. **analyze_images**, one task per image series, renders the images and asks Vision AI.
4. **write_fhir_report**, **write_dicom_results** and **raise_alert** write what was found, each for
   itself: an alert goes out even when the store is down. A series whose analysis failed is named in
   the report as missing.
5. **archive_source** moves the files to `processed/`, and refused ones to `failed/` with a reason.

**A task failed?** Read its last line: it names the fault and the next step. Clear the task with its
downstream tasks when the fault is gone. Every task may run again; results are updated in place.
"""

from __future__ import annotations

from datetime import datetime

from airflow.sdk import Param, TriggerRule, dag

from wetread.core.identity import STUDY_KEY_PATTERN
from wetread.operators.alerts import RaiseAlertOperator
from wetread.operators.defaults import DEFAULT_ARGS
from wetread.operators.dicom_results import WriteDicomResultsOperator
from wetread.operators.fhir_report import WriteFhirReportOperator
from wetread.operators.image_analysis import AnalyzeImagesOperator
from wetread.operators.source_archive import ArchiveSourceOperator
from wetread.operators.study_import import ImportStudyOperator
from wetread.sensors.study_complete import StudyCompleteSensor


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=16,
    default_args=DEFAULT_ARGS,
    doc_md=__doc__,
    tags=["wetread", "study"],
    params={
        "study_key": Param(
            type="string",
            pattern=f"^{STUDY_KEY_PATTERN}$",
            title="Study key",
            description="Set by study_intake and study_request; start studies with study_request.",
        )
    },
)
def study_pipeline() -> None:
    await_study = StudyCompleteSensor(task_id="await_study", poke_interval=5, timeout=24 * 60 * 60)
    import_study = ImportStudyOperator(task_id="import_study", pool="healthcare_imports")
    analyze_images = AnalyzeImagesOperator.partial(
        task_id="analyze_images", pool="vision", map_index_template="{{ task.row['label'] }}"
    ).expand(row=import_study.output)
    results = [
        WriteDicomResultsOperator(task_id="write_dicom_results"),
        WriteFhirReportOperator(task_id="write_fhir_report"),
        RaiseAlertOperator(task_id="raise_alert"),
    ]
    archive_source = ArchiveSourceOperator(
        task_id="archive_source", trigger_rule=TriggerRule.NONE_FAILED
    )

    await_study >> import_study >> analyze_images
    import_study >> results
    analyze_images >> [*results, archive_source]
    results >> archive_source


study_pipeline()
