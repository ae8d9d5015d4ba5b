"""Property tests of the core: the same cases each time, and no deadline for a busy machine."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("core", max_examples=60, deadline=None, derandomize=True)
settings.load_profile("core")
