"""The plugin module, which every component of Airflow loads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"


def test_loading_the_plugin_loads_no_page_and_no_client() -> None:
    program = (
        "import sys, wetread_plugin\n"
        "print(*(m for m in ('wetread.views', 'wetread.hooks', 'google.cloud.storage', 'fastapi')"
        " if m in sys.modules))"
    )
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=PLUGINS,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    assert result.stdout.split() == []
