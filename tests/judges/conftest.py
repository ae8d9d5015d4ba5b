"""All that the pipeline makes of the sample studies, for judges that know nothing of it."""

from __future__ import annotations

import pytest
from tests.contract.conftest import start_cloud
from tests.operators.sample_runs import SampleRun, SampleRuns

from samples import catalog

__all__ = ["start_cloud"]


@pytest.fixture(scope="session")
def runs(sample_runs: SampleRuns) -> dict[str, SampleRun]:
    """Every sample's run, by the sample's name."""
    return {sample.name: sample_runs.of(sample) for sample in catalog()}
