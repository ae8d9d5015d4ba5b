"""The demo from nothing to a verdict."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import requests
from google.api_core.exceptions import GoogleAPIError

from samples.catalog import catalog
from stack.demo.client import DemoCloud
from stack.demo.follow import Follower
from stack.demo.outcome import StudyOutcome
from stack.demo.progress import Progress
from stack.demo.studies import send
from stack.demo.table import render
from stack.errors import StackError
from stack.layout import Layout
from stack.ports import Ports
from stack.provision import provision
from stack.settings import read_settings
from stack.shutdown import stop_stack, uninterrupted
from stack.startup import running_watch, start_stack

STUDIES_SECONDS = 600.0
"""How long all studies together may take; a laptop of two cores needs about a minute."""

Say = Callable[[str], None]


def run_demo(layout: Layout, ports: Ports, result: Path, say: Say) -> int:
    """Start a stack with empty state, send every sample, judge the results, stop everything.

    Returns 0 only when every study reached its expected state.
    """
    stop_stack(layout, lambda line: say(f"left from before: {line}"))
    for part in (layout.airflow_home, layout.cloud, layout.logs):
        shutil.rmtree(part, ignore_errors=True)
    try:
        api = start_stack(layout, ports, say)
        watch = running_watch(layout)
        settings = read_settings(layout.settings).with_endpoints(ports.endpoints())
        provision(settings, api, watch, say)
        follower = Follower(api, DemoCloud(ports), watch, Progress(sys.stdout))
        outcomes = _outcomes(follower, say)
    finally:
        with uninterrupted():
            if stop_stack(layout, lambda line: None):
                say("stopped the stack")
    write_result(result, outcomes)
    say(f"\n{render(outcomes)}\n\nSeconds run from _COMPLETE to the report. Details: {result}")
    return 1 if any(outcome.mismatches for outcome in outcomes) else 0


def _outcomes(follower: Follower, say: Say) -> list[StudyOutcome]:
    try:
        return _send_and_wait(follower, say)
    except (GoogleAPIError, requests.RequestException) as error:
        follower.watch.check()  # a component that ended is the better explanation
        raise StackError(
            "cloud-refused", f"the local cloud did not serve the demo: {error}"
        ) from error
    finally:
        follower.progress.close()


def _send_and_wait(follower: Follower, say: Say) -> list[StudyOutcome]:
    """Send the first study alone, so that its time is what one study takes; then the others."""
    first, *others = catalog()
    outcomes = []
    for batch in ([first], others):
        sent = []
        for sample in batch:
            sent.append(send(sample, follower.cloud))
            say(f"sent {sample.name}")
        follower.progress.restart()
        outcomes += follower.wait(sent, STUDIES_SECONDS)
    return outcomes


def write_result(path: Path, outcomes: Sequence[StudyOutcome]) -> None:
    """Write the table's columns and every task's seconds as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"studies": [asdict(outcome) for outcome in outcomes]}
    path.write_text(json.dumps(content, indent=1) + "\n", "utf-8")
