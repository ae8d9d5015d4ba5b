"""Watch the runs of the sent studies until each has ended."""

from __future__ import annotations

import time
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
_POLL_SECONDS = 1.0

_UNDER_WAY = frozenset({"queued", "running", "up_for_reschedule", "deferred", "awaiting_input"})
_IN_TROUBLE = {"up_for_retry": "failed and is tried again", "failed": "failed"}

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Followed:
    """A run and its task instances, as Airflow's API tells them."""

    run: Row
    tasks: Sequence[Row]

    @property
    def ended(self) -> bool:
        return self.run["state"] in ENDED

    @property
    def stage(self) -> str:
        """Name the tasks under way or in trouble; empty between two tasks."""
        trouble = [
            f"{row['task_id']} ({_IN_TROUBLE[row['state']]})"
            for row in self.tasks
            if row["state"] in _IN_TROUBLE
        ]
        under_way = [row["task_id"] for row in self.tasks if row["state"] in _UNDER_WAY]
        return ", ".join(sorted({*trouble, *under_way}))


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
        keys: dict[str, str] = {}
        while True:
            self.watch.check()
            if len(keys) < len(studies):
                keys = self._keys(studies)
            runs = self._runs(keys)
            self.progress.show({study.name: _state(runs.get(study.name)) for study in studies})
            all_ended = all(study.name in runs and runs[study.name].ended for study in studies)
            if all_ended or time.monotonic() > deadline:
                break
            # Every look costs the machine that the studies are to be read on.
            time.sleep(_POLL_SECONDS)
        return [self._outcome(study, keys, runs) for study in studies]

    def _keys(self, studies: Sequence[SentStudy]) -> dict[str, str]:
        """Return the key of each study that intake has claimed, by the study's name."""
        claimed = self.cloud.study_keys()
        return {
            study.name: claimed[study.study_instance_uid]
            for study in studies
            if study.study_instance_uid in claimed
        }

    def _runs(self, keys: Mapping[str, str]) -> dict[str, Followed]:
        """Return the run of each study that has one, by the study's name."""
        runs = {run["dag_run_id"]: run for run in self.api.runs(PIPELINE_DAG)}
        tasks: dict[str, list[Row]] = {}
        for row in self.api.task_instances(PIPELINE_DAG, "~"):
            tasks.setdefault(row["dag_run_id"], []).append(row)
        found = {name: f"study__{key}__v1" for name, key in keys.items()}
        return {
            name: Followed(runs[run_id], tasks.get(run_id, []))
            for name, run_id in found.items()
            if run_id in runs
        }

    def _outcome(
        self, study: SentStudy, keys: Mapping[str, str], runs: Mapping[str, Followed]
    ) -> StudyOutcome:
        if study.name not in keys:
            return stuck(study, "", "intake has not claimed it: see the DAG study_intake")
        key, followed = keys[study.name], runs.get(study.name)
        if followed is None:
            return stuck(study, key, f"{PIPELINE_DAG} was not started: see the DAG study_intake")
        if not followed.ended:
            return stuck(study, key, f"stuck in {followed.stage or 'the scheduler'}")
        summary = self.cloud.summary(key)
        reports = self.cloud.reports(study.study_instance_uid)
        analyses = self.cloud.analyses(key)
        evidence = Evidence(
            followed.run,
            followed.tasks,
            summary,
            reports,
            analyses,
            objects=self.cloud.objects(study.study_instance_uid),
            absent=frozenset().union(*map(self.cloud.absences, reports)),
            documents=tuple(map(self.cloud.document, reports)),
        )
        return judge(study, key, evidence)


def _state(followed: Followed | None) -> str:
    if followed is None:
        return "waiting for intake"
    if followed.ended:
        return "done" if followed.run["state"] == "success" else "failed"
    return followed.stage
