"""Training the picture models is repeatable: two processes, one file. Reduced, to be quick."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venvs/training/bin/python"
FOLDER = ROOT / "include/modelserver"


PROGRAM = """
import hashlib
from training import burned_in_text, pneumothorax
for made in (pneumothorax.train(8), burned_in_text.train(1)):
    print(hashlib.sha256(made).hexdigest())
"""


@pytest.mark.skipif(not PYTHON.exists(), reason="needs the training environment")
def test_two_trainings_give_the_same_bytes() -> None:
    environment = {**os.environ, "PYTHONPATH": f"{FOLDER / 'src'}{os.pathsep}{FOLDER}"}
    command = [PYTHON, "-W", "ignore", "-c", PROGRAM]
    trainings = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    digests = [training.communicate()[0].split() for training in trainings]
    assert [training.returncode for training in trainings] == [0, 0]
    assert digests[0] == digests[1]
    assert len(digests[0]) == 2
