"""Locks, the tool that installs them, and the Makefile that calls it."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from tests.deploy.compose import REPOSITORY

LOCKS = sorted([*REPOSITORY.glob("requirements*.lock"), *REPOSITORY.glob("include/*/*.lock")])
MAKEFILE = (REPOSITORY / "Makefile").read_text("utf-8")


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_every_pin_has_a_hash_and_no_index_is_named(lock: Path) -> None:
    text = lock.read_text("utf-8")
    assert "://" not in text
    lines = text.replace("\\\n", " ").splitlines()
    pins = [line for line in lines if line and not line.lstrip().startswith("#")]
    assert len(pins) > 1
    for pin in pins:
        assert re.match(r"[\w.-]+(\[\w,-]+\])?==\S+ .*--hash=sha256:[0-9a-f]{64}", pin), pin


def install(python: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [REPOSITORY / "tools/environment", "uv"],
        env={**os.environ, "PYTHON": python},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_missing_python_is_said_before_anything_changes() -> None:
    result = install("python-that-is-missing")
    assert result.returncode == 1
    assert "python-that-is-missing not found. Wetread needs Python 3.11" in result.stderr
    assert (REPOSITORY / ".venvs/uv/bin/python").exists()


def test_another_python_is_refused_by_its_version(tmp_path: Path) -> None:
    other = tmp_path / "python3"
    other.write_text('#!/bin/sh\n[ "$1" = -V ] && echo Python 3.14.0\nexit 1\n', "utf-8")
    other.chmod(0o755)
    result = install(str(other))
    assert result.returncode == 1
    assert "is Python 3.14.0. Wetread needs Python 3.11" in result.stderr


def test_help_names_every_command() -> None:
    (phony,) = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    helped = set(re.findall(r"@echo 'make ([\w-]+)", MAKEFILE))
    assert helped == set(phony.split()) - {"help"}
