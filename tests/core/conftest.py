"""Property tests of the core have no deadline, which a busy machine would break."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("core", max_examples=40, deadline=None)
settings.load_profile("core")
