"""The README's first steps work as they are printed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.contract.conftest import RunningCloud, localcloud_command

README = Path(__file__).resolve().parents[2] / "include/localcloud/README.md"
_FENCE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PORTS = {"8600": "storage", "8601": "pubsub", "8605": "vertex", "8606": "vision"}


def _on(cloud: RunningCloud, snippet: str) -> str:
    """Point a snippet at the ports of a running cloud."""
    addresses = {port: getattr(cloud, name) for port, name in _PORTS.items()}
    for port, address in addresses.items():
        snippet = snippet.replace(f"127.0.0.1:{port}", address.rpartition("/")[2])
    return snippet


@pytest.mark.rule("localcloud.readme.snippets", "include/localcloud/README.md")
def test_the_snippets_run_one_after_the_other(cloud: RunningCloud, tmp_path: Path) -> None:
    snippets = _FENCE.findall(README.read_text("utf-8"))
    assert len(snippets) >= 3
    program = _on(cloud, "\n".join(snippets))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Phantom^Anna" in done.stdout
    assert "hello" in done.stdout


@pytest.mark.rule("localcloud.readme.options", "include/localcloud/README.md#options")
def test_every_option_is_in_the_table() -> None:
    usage = subprocess.run(
        [localcloud_command(), "--help"], capture_output=True, text=True, timeout=30, check=True
    )
    options = set(re.findall(r"--[a-z][a-z-]+", usage.stdout)) - {"--help"}
    documented = set(re.findall(r"`(--[a-z-]+)", README.read_text("utf-8")))
    assert options <= documented
