"""Training the picture models is repeatable: two processes, one file. Reduced, to be quick."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venvs/training/bin/python"
FOLDER = ROOT / "include/modelserver"


@pytest.mark.skipif(not PYTHON.exists(), reason="needs the training environment")
@pytest.mark.parametrize(("model", "size"), [("pneumothorax", 12), ("burned_in_text", 1)])
def test_two_trainings_give_the_same_bytes(model: str, size: int) -> None:
    program = (
        "import hashlib, importlib, sys; "
        f"made = importlib.import_module('training.{model}').train({size}); "
        "print(hashlib.sha256(made).hexdigest())"
    )
    environment = {**os.environ, "PYTHONPATH": f"{FOLDER / 'src'}{os.pathsep}{FOLDER}"}
    digests = {
        subprocess.run(
            [PYTHON, "-W", "ignore", "-c", program],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for _ in range(2)
    }
    assert len(digests) == 1
