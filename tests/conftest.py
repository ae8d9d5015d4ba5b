"""What every test gets: an Airflow home of its own, and an answer to "this needs a program"."""

from __future__ import annotations

import os
import shutil
import tempfile

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.operators.sample_runs"]

_HOME_PREFIX = "wetread-tests-"

# Airflow writes to its home when it is first imported; without this, to the developer's. A worker
# of pytest-xdist inherits the home of the process that started it, and takes one of its own.
if os.path.basename(os.environ.get("AIRFLOW_HOME", _HOME_PREFIX)).startswith(_HOME_PREFIX):
    os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix=_HOME_PREFIX)
os.environ.setdefault("AIRFLOW__CORE__LOAD_EXAMPLES", "False")

# How long an example takes says nothing on a machine that others use, too. CI draws the same
# examples each time, so that it judges the change and not the dice; everybody else draws new ones.
settings.register_profile(
    "wetread",
    deadline=None,
    derandomize=os.environ.get("WETREAD_REQUIRE_TOOLS") == "1",
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("wetread")


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep on one worker what shares a server: a file if it names no group, and the system tests.

    The latter begin.
    """
    for item in items:
        is_system = item.get_closest_marker("system") is not None
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group("system" if is_system else item.path.name))
    items.sort(key=lambda item: item.get_closest_marker("system") is None)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test marked ``needs("chromium")`` where that is missing; in CI, fail it."""
    for mark in item.iter_markers("needs"):
        for tool in mark.args:
            if shutil.which(tool) is None:
                reason = f"needs {tool}, which is not installed"
                if os.environ.get("WETREAD_REQUIRE_TOOLS") == "1":
                    pytest.fail(f"{reason}; .ci/packages lists what CI installs")
                pytest.skip(reason)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the home made above, not one that the caller named."""
    home = os.environ["AIRFLOW_HOME"]
    if os.path.basename(home).startswith(_HOME_PREFIX):
        shutil.rmtree(home, ignore_errors=True)
