"""Whether each component does its work, asked from outside."""

from __future__ import annotations

from datetime import UTC, datetime

import requests

from stack.airflow_api import AirflowApi
from stack.components import AIRFLOW_HEALTH
from stack.ports import Ports

_TIMEOUT_SECONDS = 5.0


def cloud_is_healthy(ports: Ports) -> bool:
    """Ask the local cloud's health page."""
    return _says_ok(f"{ports.url('storage')}/_localcloud/health")


def models_are_healthy(ports: Ports) -> bool:
    """Ask the model server's health route, as Vertex AI does."""
    return _says_ok(f"{ports.url('modelserver')}/health")


def _says_ok(url: str) -> bool:
    with requests.Session() as session:
        session.trust_env = False
        try:
            answer = session.get(url, timeout=_TIMEOUT_SECONDS)
            return answer.ok and answer.json().get("status") == "ok"
        except (requests.RequestException, ValueError):
            return False


def healthy_airflow(api: AirflowApi, since_seconds: float = 0.0) -> frozenset[str]:
    """Return the names of Airflow's healthy components; empty when the api-server is silent.

    ``since_seconds`` (epoch) sets the oldest heartbeat that counts: after a restart, those of the
    processes before look fresh for half a minute.
    """
    try:
        answer = api.health()
    except (requests.RequestException, ValueError):
        return frozenset()
    return frozenset(
        name
        for name, key in AIRFLOW_HEALTH.items()
        if answer.get(key, {}).get("status") == "healthy"
        and _heartbeat(answer[key], key) >= since_seconds
    )


def _heartbeat(status: dict[str, str | None], key: str) -> float:
    text = status.get(f"latest_{key}_heartbeat")
    if text is None:
        return datetime.now(UTC).timestamp()  # the api-server has none: it has just answered
    return datetime.fromisoformat(text).timestamp()
