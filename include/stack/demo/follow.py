"""Watch the runs of the sent studies until each has ended."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stack.airflow_api import AirflowApi
from stack.demo.client import DemoCloud
from stack.demo.outcome import Evidence, StudyOutcome, judge, stuck
from stack.demo.progress import Progress
from stack.demo.studies import SentStudy
from stack.waiting import Watch

PIPELINE_DAG = "study_pipeline"
ENDED = frozenset({"success", "failed"})
_POLL_SECONDS = 0.5

Run = Mapping[str, Any]


@dataclass(frozen=True)
class Follower:
    """Follows studies from outside: claims in the bucket, runs in Airflow's API."""

    api: AirflowApi
    cloud: DemoCloud
    watch: Watch
    progress: Progress

    def wait(self, studies: Sequence[SentStudy], seconds: float) -> list[StudyOutcome]:
        """Return what became of every study, also of those that are stuck after ``seconds``."""
        deadline = time.monotonic() + seconds
        while True:
            self.watch.check()
            keys = self.cloud.study_keys()
            runs = {run["dag_run_id"]: run for run in self.api.runs(PIPELINE_DAG)}
            found = {study.name: _run_of(study, keys, runs) for study in studies}
            self.progress.show(self._text(studies, found))
            all_ended = all(run and run["state"] in ENDED for run in found.values())
            if all_ended or time.monotonic() > deadline:
                break
            time.sleep(_POLL_SECONDS)
        return [
            self._outcome(study, keys.get(study.study_instance_uid, ""), found[study.name])
            for study in studies
        ]

    def _outcome(self, study: SentStudy, study_key: str, run: Run | None) -> StudyOutcome:
        if not study_key:
            return stuck(study, "", "intake has not claimed it: see the DAG study_intake")
        if run is None:
            return stuck(study, study_key, f"{PIPELINE_DAG} was not started: see study_intake")
        tasks = self.api.task_instances(PIPELINE_DAG, run["dag_run_id"])
        if run["state"] not in ENDED:
            return stuck(study, study_key, f"still in {_stage(tasks)}")
        summary = self.cloud.summary(study_key)
        reports = self.cloud.reports(study.study_instance_uid)
        return judge(study, study_key, Evidence(run, tasks, summary, reports))

    def _text(self, studies: Sequence[SentStudy], found: Mapping[str, Run | None]) -> str:
        return " | ".join(f"{study.name}: {self._state(found[study.name])}" for study in studies)

    def _state(self, run: Run | None) -> str:
        if run is None:
            return "waiting for intake"
        if run["state"] in ENDED:
            return "done" if run["state"] == "success" else "failed"
        return _stage(self.api.task_instances(PIPELINE_DAG, run["dag_run_id"]))


def _run_of(study: SentStudy, keys: Mapping[str, str], runs: Mapping[str, Run]) -> Run | None:
    return runs.get(f"study__{keys.get(study.study_instance_uid)}__v1")


def _stage(task_instances: Sequence[Mapping[str, Any]]) -> str:
    """Name the tasks under way, or the one that is to come; with counts where mapped."""
    for state in ("failed", "running", "queued", "up_for_retry", "up_for_reschedule", "deferred"):
        if names := Counter(row["task_id"] for row in task_instances if row["state"] == state):
            tasks = ", ".join(
                f"{name} x{count}" if count > 1 else name for name, count in sorted(names.items())
            )
            return tasks if state == "running" else f"{tasks} ({state.replace('_', ' ')})"
    return "the scheduler's queue"
