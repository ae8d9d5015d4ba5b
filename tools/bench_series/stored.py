"""Bring a series into an empty installation, up to where its analysis begins.

Runs in a process of its own, so that its memory is not that of the analysis. Prints the run id and
the row of the plan as one line of JSON.
"""

from __future__ import annotations

import json
import sys

from tests.operators.pipeline import CONNECTION, Pipeline, TaskInstance
from tools.bench_series.slices import STUDY, files

from wetread.gcp.concurrency import ahead
from wetread.hooks.model_deployment import deploy_models
from wetread.operators.study_import import ImportStudyOperator

_SENT_AT_A_TIME = 8


def main(slices: int) -> None:
    """Store the series as a scanner's gateway does, and ask for its study as the form does."""
    pipeline = Pipeline()
    pipeline.set_up()
    deploy_models(CONNECTION)
    dicomweb = pipeline.installation.dicomweb

    def send(content: bytes) -> None:
        dicomweb.store_instances(STUDY, [content], "the series")

    for _ in ahead(_SENT_AT_A_TIME, send, files(slices)):
        pass
    (run_id,) = pipeline.request(STUDY)
    operator = ImportStudyOperator(task_id="import_study", study=run_id)
    (row,) = operator.execute({"ti": TaskInstance()})
    print(json.dumps({"run_id": run_id, "row": row}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
