"""The tutorial's reader has a stack that runs; its test an installation like it in this process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contract.conftest import RunningCloud
from tests.operators.conftest import bare_cloud, start_cloud
from tests.operators.models import installed
from tests.operators.pipeline import Pipeline

__all__ = ["bare_cloud", "start_cloud"]


@pytest.fixture
def pipeline(bare_cloud: RunningCloud, tmp_path: Path) -> Iterator[Pipeline]:
    """An installation with the models that the local stack turns on."""
    with installed(bare_cloud, tmp_path / "server") as pipeline:
        yield pipeline
