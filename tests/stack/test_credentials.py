"""Secrets: made once, kept, and readable by their owner only."""

from __future__ import annotations

import json
import stat
from pathlib import Path

from cryptography.fernet import Fernet

from stack.credentials import credentials_of
from stack.environment import airflow_environment
from stack.layout import Layout
from stack.ports import Ports


def test_they_last_as_long_as_the_state(tmp_path: Path) -> None:
    first = credentials_of(Layout(tmp_path))
    assert credentials_of(Layout(tmp_path)) == first
    assert json.loads(Layout(tmp_path).passwords.read_text("utf-8")) == {"admin": first.password}
    Fernet(first.fernet_key)


def test_nobody_else_can_read_them(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    credentials_of(layout)
    for path in (layout.secrets, layout.passwords):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_callers_own_airflow_and_cloud_settings_do_not_pass(tmp_path: Path) -> None:
    caller = {
        "PATH": "/bin",
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        "AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT": "{}",
        "GOOGLE_APPLICATION_CREDENTIALS": "/key.json",
        "HTTPS_PROXY": "http://proxy",
        "PYTHONPATH": "/elsewhere",
    }
    layout = Layout(tmp_path)
    environment = airflow_environment(layout, Ports(), credentials_of(layout), caller)
    assert environment["PATH"] == "/bin"
    assert not set(caller) & set(environment) - {"PATH"}
