"""The pipeline against a cloud as unkind as Google's: late indexes, slow operations, 403 for 404.

Every other test of the operators asks a cloud that answers at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contract.conftest import StartCloud
from tests.operators.models import installed
from tests.operators.pipeline import Pipeline

from samples import catalog

_SAMPLES = {sample.name: sample for sample in catalog()}


@pytest.fixture
def unkind(start_cloud: StartCloud, tmp_path: Path) -> Iterator[Pipeline]:
    """An installation on a cloud with Google's behaviour; an operation takes a second there."""
    behaviour = ("--behaviour=google", "--set=operation_seconds=1")
    with (
        start_cloud(tmp_path / "cloud", *behaviour) as cloud,
        installed(cloud, tmp_path / "server") as pipeline,
    ):
        yield pipeline


def test_set_up_twice(unkind: Pipeline) -> None:
    unkind.set_up()


@pytest.mark.parametrize("name", ["ct-chest-nodule", "dx-chest"])
def test_a_study_reaches_its_expected_state(unkind: Pipeline, name: str) -> None:
    sample = _SAMPLES[name]
    results = unkind.process(sample.folder, sample.files())

    assert not [result for result in results.values() if isinstance(result, Exception)]
    (run_id,) = unkind.runs
    summary = unkind.summary(run_id)
    assert summary["instances"] == dict(sample.expected.outcomes)
    assert summary["report_status"] == "preliminary"
    assert summary["alert"] == sample.expected.alert
