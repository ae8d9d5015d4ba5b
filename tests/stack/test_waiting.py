"""Waiting ends: with the condition, with the time, or with the process that was waited for."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from stack.errors import StackError
from stack.processes import find, start
from stack.waiting import Watch, log_path, wait_until

NOBODY = Watch((), Path())


def slow() -> StackError:
    return StackError("slow", "too slow")


def test_it_returns_when_the_condition_holds() -> None:
    answers = iter([False, False, True])
    wait_until(lambda: next(answers), 10, NOBODY, slow)


def test_it_gives_up_in_time() -> None:
    begun = time.monotonic()
    with pytest.raises(StackError, match="too slow"):
        wait_until(lambda: False, 0.3, NOBODY, slow)
    assert time.monotonic() - begun < 10


def test_it_ends_with_the_process_and_shows_the_end_of_its_log(tmp_path: Path) -> None:
    script = "import sys; print('\\n'.join(str(n) for n in range(50))); sys.exit('no database')"
    log = log_path(tmp_path, "local cloud")
    started = start("local cloud", [sys.executable, "-c", script], {}, log)
    with pytest.raises(StackError, match="local cloud ended") as raised:
        wait_until(lambda: False, 30, Watch((started,), tmp_path), slow)
    assert find(started) is None
    lines = str(raised.value).splitlines()
    assert str(log) in lines[0]
    assert len(lines) == 16
    assert "  49" in lines
