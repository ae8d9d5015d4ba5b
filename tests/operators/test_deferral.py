"""A long import gives its slot back, and goes on from the operation's name alone."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk.exceptions import TaskDeferred
from tests.operators.pipeline import Pipeline, TaskInstance
from tests.operators.test_faults import study_of_its_own

from wetread.core.errors import RetriableError
from wetread.gcp.study_import import StudyImport
from wetread.operators.study_import import ImportStudyOperator


def test_deferred_import_ends_in_the_same_plan(
    shared_pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, files = study_of_its_own(6001)
    shared_pipeline.upload("deferred", files)
    (run_id,) = shared_pipeline.intake()
    monkeypatch.setattr("wetread.operators.study_import._POLLS_SECONDS", (0.0,))
    poll = StudyImport.poll

    with monkeypatch.context() as slow:
        slow.setattr(StudyImport, "poll", lambda *args: replace(poll(*args), done=False))
        operator = ImportStudyOperator(task_id="import_study", study=run_id)
        with pytest.raises(TaskDeferred) as deferred:
            operator.execute(context())

    kept = json.dumps(deferred.value.kwargs)
    assert study not in kept
    assert "deferred" not in kept, "the database keeps no sender's folder"
    # Another process goes on; polling early, it defers again.
    resumed = None
    while resumed is None:
        operator = ImportStudyOperator(task_id="import_study", study=run_id)
        resume = getattr(operator, deferred.value.method_name)
        with suppress(TaskDeferred):
            resumed = resume(context(), event=None, **json.loads(kept))
    assert [row["row_id"] for row in resumed] == ["s01"]
    assert len(shared_pipeline.instance_uids(study)) == len(files)
    assert shared_pipeline.objects("staging/") == []


def test_import_without_an_end_is_given_up(
    shared_pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The task fails and is tried again, which starts another operation."""
    _, files = study_of_its_own(6002)
    shared_pipeline.upload("endless", files)
    (run_id,) = shared_pipeline.intake()
    monkeypatch.setattr("wetread.operators.study_import._POLLS_SECONDS", (0.0,))
    poll = StudyImport.poll
    monkeypatch.setattr(StudyImport, "poll", lambda *args: replace(poll(*args), done=False))

    operator = ImportStudyOperator(
        task_id="import_study", study=run_id, give_up_after=timedelta(seconds=-1)
    )
    with pytest.raises(RetriableError, match="import-failed"):
        operator.execute(context())


def context() -> Any:
    return {"ti": TaskInstance()}
