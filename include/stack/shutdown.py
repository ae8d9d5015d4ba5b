"""Stop a stack, whole or half, however it was left."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from stack.components import STOP_ORDER
from stack.layout import Layout
from stack.processes import find, kill, marked, stop_trees
from stack.record import read_record

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

Say = Callable[[str], None]


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Finish stopping although Ctrl-C is pressed again; it takes ten seconds at the most."""
    previous = {number: signal.signal(number, signal.SIG_IGN) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def stop_stack(layout: Layout, say: Say) -> int:
    """Stop the recorded processes in order, then whatever else carries the stack's mark.

    Returns how many were stopped; none is no error. A process that merely got the number of one
    of ours is left alone: the creation time and the mark tell.
    """
    record = read_record(layout.record)
    started = {row.name: row for row in (record.processes if record else ())}
    stopped = 0
    for names in STOP_ORDER:
        running = {name: find(started[name]) for name in names if name in started}
        roots = [process for process in running.values() if process]
        stop_trees(roots)
        if roots:
            say(f"stopped {', '.join(name for name, process in running.items() if process)}")
        stopped += len(roots)
    if strays := marked(str(layout.state)):
        kill(strays)
        say(f"stopped {len(strays)} leftover processes")
        stopped += len(strays)
    layout.record.unlink(missing_ok=True)
    return stopped
