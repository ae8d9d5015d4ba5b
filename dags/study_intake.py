"""### Take in what arrives

Runs without a pause: listens for a minute to the notifications of the bucket and the DICOM store,
and then looks into the bucket for itself - a notification of it that was lost delays a study, and
loses nothing. A study that another system stored is known from the store's notifications alone;
they are kept until it is claimed.

1. **await_doorbell** returns when something arrives, or after a minute.
2. **claim_studies** lists `incoming/`, reads the headers of new files, and claims every study that
   has something new. Folders that hold no study go to `failed/`, each file with a reason.
3. **trigger_pipelines** starts one `study_pipeline` run per claimed version. Urgent studies start
   at once; routine ones wait in the state bucket while `admitted_runs` of them are running.

**A task failed?** Nothing is lost: what was not claimed is found again by the next run.
"""

from __future__ import annotations

from datetime import datetime

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import dag

from wetread.operators.defaults import DEFAULT_ARGS
from wetread.operators.study_claim import ClaimStudiesOperator
from wetread.sensors.study_doorbell import StudyDoorbellSensor


@dag(
    schedule="@continuous",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    doc_md=__doc__,
    tags=["wetread", "intake"],
)
def study_intake() -> None:
    await_doorbell = StudyDoorbellSensor(task_id="await_doorbell", listen_seconds=60)
    claim_studies = ClaimStudiesOperator(task_id="claim_studies", pipeline_dag_id="study_pipeline")
    trigger_pipelines = TriggerDagRunOperator.partial(
        task_id="trigger_pipelines",
        trigger_dag_id="study_pipeline",
        skip_when_already_exists=True,
        map_index_template="{{ task.trigger_run_id }}",
    ).expand_kwargs(claim_studies.output)

    await_doorbell >> claim_studies >> trigger_pipelines


study_intake()
