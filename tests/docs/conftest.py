"""The tutorial's reader has a stack that runs; its test an installation in this process."""

from __future__ import annotations

from tests.operators.conftest import bare_cloud, pipeline, start_cloud

__all__ = ["bare_cloud", "pipeline", "start_cloud"]
