"""Stop a stack, whole or half, however it was left."""

from __future__ import annotations

from collections.abc import Callable

from stack.components import STOP_ORDER
from stack.layout import Layout
from stack.processes import find, kill, marked, stop_tree
from stack.record import read_record

Say = Callable[[str], None]


def stop_stack(layout: Layout, say: Say) -> int:
    """Stop the recorded processes in order, then whatever else carries the stack's mark.

    Returns how many were stopped; none is no error. A process that merely got the number of one
    of ours is left alone: the creation time and the mark tell.
    """
    record = read_record(layout.record)
    started = record.processes if record else ()
    stopped = 0
    for row in sorted(started, key=lambda row: STOP_ORDER.index(row.name)):
        if process := find(row):
            stop_tree(process)
            say(f"{row.name} stopped")
            stopped += 1
    if strays := marked(str(layout.state)):
        kill(strays)
        say(f"{len(strays)} leftover processes stopped")
        stopped += len(strays)
    layout.record.unlink(missing_ok=True)
    return stopped
