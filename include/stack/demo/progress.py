"""One line that updates itself on a terminal; a line per change elsewhere."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from typing import TextIO


class Progress:
    """Shows how far each study is, with the seconds since the last ``restart``."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._begun = time.monotonic()
        self._last: dict[str, str] = {}
        self._updates_in_place = stream.isatty()

    def restart(self) -> None:
        """Count from now, for the next studies."""
        self.close()
        self._begun, self._last = time.monotonic(), {}

    def show(self, states: Mapping[str, str]) -> None:
        """Show every study's state; an empty one means that it has not changed."""
        current = {name: state or self._last.get(name, "") for name, state in states.items()}
        changed = [name for name, state in current.items() if state != self._last.get(name)]
        self._last = current
        if self._updates_in_place:
            width = shutil.get_terminal_size().columns - 1
            self._write(f"\r{self._stamped(_one_line(current))[:width]:<{width}}")
        else:
            for name in changed:
                self._write(f"{self._stamped(f'{name}: {current[name]}')}\n")

    def close(self) -> None:
        """Leave the cursor on a line of its own."""
        if self._updates_in_place and self._last:
            self._write("\n")
        self._last = {}

    def _stamped(self, text: str) -> str:
        return f"{time.monotonic() - self._begun:5.0f} s  {text}"

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def _one_line(states: Mapping[str, str]) -> str:
    open_states = [f"{name}: {state}" for name, state in states.items() if state != "done"]
    done = len(states) - len(open_states)
    return " | ".join([f"{done} of {len(states)} done", *open_states])
