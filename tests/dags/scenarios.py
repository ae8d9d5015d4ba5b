"""Run ``study_pipeline`` under Airflow's own rules, with operators that do as a scenario says.

Prints one JSON object a scenario: its name, the state of the run, the states of each task, and how
often that was tried.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from airflow.models import DagBag
from airflow.utils.db import initdb

from wetread.core.errors import problem
from wetread.core.identity import StudyVersion
from wetread.operators.alerts import RaiseAlertOperator
from wetread.operators.dicom_results import WriteDicomResultsOperator
from wetread.operators.fhir_report import WriteFhirReportOperator
from wetread.operators.image_analysis import AnalyzeImagesOperator
from wetread.operators.source_archive import ArchiveSourceOperator
from wetread.operators.study import StudyOperator
from wetread.operators.study_import import ImportStudyOperator
from wetread.sensors.study_complete import StudyCompleteSensor

STUDY = StudyVersion("k1-abcdefghijklmnopqrstuvwxyz", 1)
ROWS = [{"row_id": f"s0{n}", "label": f"CT series {n} of 2, 1 image"} for n in (1, 2)]

SCENARIOS: Mapping[str, dict[str, Any]] = {
    "all is well": {},
    "an analysis fails": {"fails": {"analyze_images 1"}},
    "every analysis fails": {"fails": {"analyze_images 0", "analyze_images 1"}},
    "nothing to analyse": {"rows": []},
    "the import fails": {"fails": {"import_study"}},
    "the writers fail": {"fails": {"write_dicom_results", "write_fhir_report"}},
    "the alert fails": {"fails": {"raise_alert"}},
}


class Stage:
    """What the operators do in the scenario that runs."""

    rows: list[dict[str, str]] = ROWS
    fails: frozenset[str] = frozenset()
    imported = False

    def play(self, operator: Any, context: Any) -> None:
        index = context["ti"].map_index
        name = operator.task_id if index < 0 else f"{operator.task_id} {index}"
        if name in self.fails:
            raise problem("request-rejected", "the scenario wants it so.")


STAGE = Stage()


def perform(operator: Any, context: Any) -> None:
    STAGE.play(operator, context)


def import_study(operator: Any, context: Any) -> list[dict[str, str]]:
    STAGE.play(operator, context)
    STAGE.imported = True
    return STAGE.rows


def find_import(_: StudyVersion) -> frozenset[str] | None:
    return frozenset() if STAGE.imported else None


def set_the_stage() -> None:
    """Replace what would call a service; rules, retries and policies stay Airflow's and ours."""
    state = SimpleNamespace(find_import=find_import)
    StudyOperator.version = STUDY
    StudyOperator.installation = SimpleNamespace(state=state)
    StudyCompleteSensor.poke = lambda *_: True
    ImportStudyOperator.execute = import_study
    for task in (AnalyzeImagesOperator, ArchiveSourceOperator):
        task.execute = perform
    for writer in (WriteDicomResultsOperator, WriteFhirReportOperator, RaiseAlertOperator):
        writer.write = perform


def run(dag: Any, rows: list[dict[str, str]], fails: set[str]) -> dict[str, Any]:
    STAGE.rows, STAGE.fails, STAGE.imported = rows, frozenset(fails), False
    dag_run = dag.test(run_conf={"study_key": STUDY.study_key})
    states: dict[str, list[str]] = {}
    tries: dict[str, int] = {}
    for instance in sorted(dag_run.get_task_instances(), key=lambda ti: ti.map_index):
        states.setdefault(instance.task_id, []).append(str(instance.state))
        tries[instance.task_id] = max(tries.get(instance.task_id, 0), instance.try_number)
    return {"run": str(dag_run.state), "tasks": states, "tries": tries}


if __name__ == "__main__":
    initdb()
    set_the_stage()
    pipeline = DagBag(dag_folder=str(Path(sys.argv[1]) / "study_pipeline.py")).dags[
        "study_pipeline"
    ]
    for name, scenario in SCENARIOS.items():
        result = run(pipeline, scenario.get("rows", ROWS), scenario.get("fails", set()))
        print("\n" + json.dumps({"scenario": name, **result}), flush=True)
