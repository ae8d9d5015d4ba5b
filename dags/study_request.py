"""### Ask for a study by hand

Trigger this DAG, fill in the form, and the study's `study_pipeline` run starts: for files that lie
in the bucket, for a study that another system stored, or for one that should be read again.

1. **resolve_study** finds the studies that the request means, and opens a version of each. A
   version that still waits for its run is taken over.
2. **trigger_pipelines** starts their runs; routine ones only while there is room, the others
   follow through `study_intake`.

The form's content is the one place in Airflow where a StudyInstanceUID may stand; see
`docs/explanation/identity.md` for how long it is kept.
"""

from __future__ import annotations

from datetime import datetime

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import Param, dag

from wetread.core.claim import Priority
from wetread.operators.defaults import DEFAULT_ARGS
from wetread.operators.study_resolution import ResolveStudyOperator


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1),
    catchup=False,
    default_args=DEFAULT_ARGS,
    doc_md=__doc__,
    tags=["wetread", "intake"],
    params={
        "study": Param(
            type="string",
            minLength=1,
            maxLength=1024,
            title="Study",
            description=(
                "A folder below incoming/, such as incoming/ward-7/, or a StudyInstanceUID. "
                "A folder may hold several studies; each gets a run of its own."
            ),
        ),
        "priority": Param(
            Priority.ROUTINE.value,
            type="string",
            enum=[priority.value for priority in Priority],
            title="Priority",
            description="Stat and urgent studies do not wait for the limit on running studies.",
        ),
    },
)
def study_request() -> None:
    resolve_study = ResolveStudyOperator(task_id="resolve_study", pipeline_dag_id="study_pipeline")
    trigger_pipelines = TriggerDagRunOperator.partial(
        task_id="trigger_pipelines",
        trigger_dag_id="study_pipeline",
        skip_when_already_exists=True,
        map_index_template="{{ task.trigger_run_id }}",
    ).expand_kwargs(resolve_study.output)

    resolve_study >> trigger_pipelines


study_request()
