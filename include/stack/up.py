"""``make up``: from any state to a running stack, or back to nothing with a reason."""

from __future__ import annotations

from collections.abc import Callable

from stack.layout import Layout
from stack.ports import Ports
from stack.provision import provision
from stack.record import read_record
from stack.settings import read_settings
from stack.shutdown import stop_stack, uninterrupted
from stack.startup import running_watch, start_stack
from stack.status import access_text, stack_status

Say = Callable[[str], None]


def bring_up(layout: Layout, ports: Ports, say: Say) -> int:
    """Start the stack unless it is up; what an earlier command left half-started goes first."""
    record = read_record(layout.record)
    if record and all(status.is_healthy for status in stack_status(layout)):
        say("already up\n")
        say(access_text(layout, record.as_ports()))
        return 0
    if stop_stack(layout, lambda line: say(f"left from before: {line}")):
        say("")
    try:
        api = start_stack(layout, ports, say)
        settings = read_settings(layout.settings).with_endpoints(ports.endpoints())
        provision(settings, api, running_watch(layout), say)
    except BaseException:
        with uninterrupted():
            if stop_stack(layout, lambda line: None):
                say("stopped what was started")
        raise
    say(f"\n{access_text(layout, ports)}\n\nStop it with: make down")
    return 0
