"""airflow_settings.yaml agrees with the ports of the stack and with Wetread's own settings."""

from __future__ import annotations

import json

from tests.deploy.compose import REPOSITORY

from stack.components import MODEL_IMAGE
from stack.ports import Ports
from stack.settings import read_settings
from wetread.core.settings import settings_from_json

SETTINGS = read_settings(REPOSITORY / "airflow_settings.yaml")


def test_the_endpoints_are_those_of_the_default_ports() -> None:
    (connection,) = SETTINGS.connections
    assert connection["connection_id"] == "google_cloud_default"
    assert connection["extra"]["endpoints"] == Ports().endpoints()
    assert connection["extra"]["is_anonymous"] is True


def test_the_variable_is_read_without_complaint() -> None:
    (variable,) = SETTINGS.variables
    assert variable["key"] == "wetread_settings"
    settings = settings_from_json(variable["value"])
    assert settings.quiet_period_seconds == 30
    assert settings.model_image.startswith(f"{MODEL_IMAGE}:")
    stored = json.loads(variable["value"])
    assert set(stored) == {"quiet_period_seconds", "analyses", "model_image"}
