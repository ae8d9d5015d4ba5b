"""The commands: ``python -m stack up|down|status|demo|provision``."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import warnings
from types import FrameType

from stack.cluster import provision_cluster
from stack.errors import StackError
from stack.layout import REPOSITORY, layout_from
from stack.ports import ports_from
from stack.record import read_record
from stack.shutdown import STOP_SIGNALS, stop_stack
from stack.startup import exclusive
from stack.status import access_text, stack_status
from stack.up import bring_up

DEMO_STATE = ".wetread/demo"


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code; an error is one message, never a stack trace."""
    parser = argparse.ArgumentParser(prog="stack", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="start the stack and leave it running")
    commands.add_parser("down", help="stop the stack")
    commands.add_parser("status", help="say what is healthy")
    commands.add_parser("demo", help="run the sample studies in a stack of their own")
    commands.add_parser("provision", help="make an Airflow that something else started ready")
    options = parser.parse_args(arguments)
    for number in STOP_SIGNALS:
        signal.signal(number, _interrupt)
    try:
        return _COMMANDS[options.command]()
    except StackError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Whoever reads has seen enough, as in `make status | head`; what is left goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def say(line: str) -> None:
    print(line, flush=True)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _up() -> int:
    layout = layout_from()
    with exclusive(layout):
        return bring_up(layout, ports_from(os.environ), say)


def _down() -> int:
    layout = layout_from()
    with exclusive(layout):
        stopped = stop_stack(layout, say)
    stopped += _stop_abandoned_demo()
    if not stopped:
        say("nothing is running")
    return 0


def _stop_abandoned_demo() -> int:
    """Stop what a demo left that could not stop it itself, as after ``kill -9``."""
    layout = layout_from(folder=DEMO_STATE)
    if not layout.record.exists():
        return 0
    try:
        with exclusive(layout):
            return stop_stack(layout, say)
    except StackError:
        say("a demo is running; it stops what it started")
        return 0


def _status() -> int:
    layout = layout_from()
    statuses = stack_status(layout)
    for status in statuses:
        say(f"{status.name:<14} {status.word}")
    record = read_record(layout.record)
    if record and all(status.is_healthy for status in statuses):
        say(f"\n{access_text(layout, record.as_ports())}")
        return 0
    return 1


def _demo() -> int:
    # Google's libraries tell every user of Python 3.11 when its support ends.
    warnings.filterwarnings("ignore", category=FutureWarning, module="google")
    # The DICOM and Google libraries take a second to load, and no other command needs them.
    from stack.demo.run import run_demo  # noqa: PLC0415 - the comment above

    layout = layout_from(folder=DEMO_STATE)
    with exclusive(layout):
        return run_demo(layout, ports_from(os.environ), REPOSITORY / "build/demo.json", say)


def _provision() -> int:
    provision_cluster(os.environ, say)
    return 0


_COMMANDS = {"provision": _provision, "up": _up, "down": _down, "status": _status, "demo": _demo}
