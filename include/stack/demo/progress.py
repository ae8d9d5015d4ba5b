"""One line that updates itself on a terminal; a line per change elsewhere."""

from __future__ import annotations

import shutil
import time
from typing import TextIO


class Progress:
    """Shows how far the studies are, with the seconds since it was made."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._begun = time.monotonic()
        self._last = ""
        self._updates_in_place = stream.isatty()

    def show(self, text: str) -> None:
        """Show a state; one that has not changed makes no new line in a log."""
        if self._updates_in_place:
            width = shutil.get_terminal_size().columns - 1
            self._stream.write(f"\r{self._stamped(text)[:width]:<{width}}")
        elif text != self._last:
            self._stream.write(f"{self._stamped(text)}\n")
        self._last = text
        self._stream.flush()

    def close(self) -> None:
        """Leave the cursor on a line of its own."""
        if self._updates_in_place and self._last:
            self._stream.write("\n")
            self._stream.flush()

    def _stamped(self, text: str) -> str:
        return f"{time.monotonic() - self._begun:4.0f} s  {text}"
