"""A worker's memory does not grow with the length of a series."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).with_name("long_series.py")
SHORT, LONG = 200, 800
GROWTH_BYTES = 40 * 2**20
"""600 slices are 315 MB, their pictures 150 MB; their metadata and results are a few."""


def test_four_times_the_slices_take_no_more_memory() -> None:
    command = [sys.executable, "-W", "ignore", str(SCRIPT), str(SHORT), str(LONG)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    short, long = json.loads(said.stdout.splitlines()[-1])
    assert long - short < GROWTH_BYTES
