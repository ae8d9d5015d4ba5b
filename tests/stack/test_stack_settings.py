"""airflow_settings.yaml: what is read, what is refused, what is redirected."""

from __future__ import annotations

from pathlib import Path

import pytest

from stack.errors import StackError
from stack.settings import AirflowSettings, read_settings

FILE = """
airflow:
  connections:
    - conn_id: google_cloud_default
      conn_type: google_cloud_platform
      conn_host:
      conn_extra:
        project: wetread-local
        endpoints: {storage: "http://127.0.0.1:8600", vision: "x"}
    - {conn_id: mail, conn_type: smtp, conn_host: mail.example.org, conn_port: 25}
  pools:
    - {pool_name: vision, pool_slot: 4, pool_description: ""}
  variables:
    - {variable_name: wetread_settings, variable_value: "{}"}
"""


def settings(tmp_path: Path, text: str) -> AirflowSettings:
    path = tmp_path / "airflow_settings.yaml"
    path.write_text(text, "utf-8")
    return read_settings(path)


def test_rows_become_what_the_api_takes(tmp_path: Path) -> None:
    read = settings(tmp_path, FILE)
    assert read.connections[1] == {
        "connection_id": "mail",
        "conn_type": "smtp",
        "host": "mail.example.org",
        "port": 25,
    }
    assert read.pools == ({"name": "vision", "slots": 4},)
    assert read.variables == ({"key": "wetread_settings", "value": "{}"},)


def test_endpoints_are_redirected_and_nothing_else(tmp_path: Path) -> None:
    read = settings(tmp_path, FILE)
    moved = read.with_endpoints({"storage": "http://127.0.0.1:9", "unused": "y"})
    assert moved.connections[0]["extra"] == {
        "project": "wetread-local",
        "endpoints": {"storage": "http://127.0.0.1:9", "vision": "x"},
    }
    assert moved.connections[1:] == read.connections[1:]
    assert read.connections[0]["extra"]["endpoints"]["storage"] == "http://127.0.0.1:8600"


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ("{variable_name: a, variable_value: ''}", "variables, row 1: variable_value is empty"),
        ("{variable_value: b}", "variables, row 1: variable_name is empty"),
        ("{variable_name: a, value: b}", "variables, row 1: unknown field value"),
    ],
)
def test_what_airflow_would_drop_in_silence_is_refused(
    tmp_path: Path, row: str, complaint: str
) -> None:
    with pytest.raises(StackError, match=complaint) as raised:
        settings(tmp_path, f"airflow:\n  variables:\n    - {row}\n")
    assert raised.value.code == "settings-invalid"


@pytest.mark.parametrize("text", ["", "airflow", "airflow: [", "other: {}"])
def test_an_unreadable_file_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(StackError, match=r"airflow_settings\.yaml"):
        settings(tmp_path, text)
