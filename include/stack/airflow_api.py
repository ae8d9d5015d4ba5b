"""The few calls of Airflow's REST API that running a stack takes.

Source: Airflow 3.3 "Stable REST API", served at ``/docs`` by every api-server.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from stack.errors import StackError

_TIMEOUT_SECONDS = 90.0
"""Longer than a writer waits for SQLite's lock, and the machine may be busy, too."""
_PAGE = 100
"""The most that Airflow returns at once (api.maximum_page_limit)."""
_READS_AGAIN = Retry(total=4, backoff_factor=0.5, status_forcelist=(500, 502, 503, 504))
"""Reads only: SQLite has one writer, and a busy moment must not end a demo."""


class AirflowApi:
    """A client of one api-server; logs in when it has to."""

    def __init__(self, base_url: str, user: str, password: str) -> None:
        self._base_url = base_url
        self._login = {"username": user, "password": password}
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy is of no use on the way to this machine
        self._session.mount("http://", HTTPAdapter(max_retries=_READS_AGAIN))

    def health(self) -> dict[str, dict[str, Any]]:
        """Return each component's status and latest heartbeat; needs no login."""
        # Whoever asks asks again by himself, and counts the seconds.
        answer = requests.get(f"{self._base_url}/api/v2/monitor/health", timeout=5)
        answer.raise_for_status()
        return answer.json()

    def dags(self) -> dict[str, bool]:
        """Return whether each known DAG is paused."""
        rows = self._call("GET", "dags", params={"limit": _PAGE})["dags"]
        return {row["dag_id"]: row["is_paused"] for row in rows}

    def import_errors(self) -> dict[str, str]:
        """Return the last line of the error of each DAG file that does not load."""
        rows = self._call("GET", "importErrors")["import_errors"]
        return {row["filename"]: row["stack_trace"].strip().splitlines()[-1] for row in rows}

    def resume(self, dag_id: str) -> None:
        self._call("PATCH", f"dags/{_part(dag_id)}", json={"is_paused": False})

    def trigger(self, dag_id: str, conf: Mapping[str, Any]) -> str:
        """Start a run and return its id."""
        body = {"logical_date": None, "conf": dict(conf)}
        return self._call("POST", f"dags/{_part(dag_id)}/dagRuns", json=body)["dag_run_id"]

    def run_state(self, dag_id: str, run_id: str) -> str:
        return self._call("GET", f"dags/{_part(dag_id)}/dagRuns/{_part(run_id)}")["state"]

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        """Return the latest runs of a DAG, newest first."""
        params = {"limit": _PAGE, "order_by": "-run_after"}
        return self._call("GET", f"dags/{_part(dag_id)}/dagRuns", params=params)["dag_runs"]

    def task_instances(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return the task instances of a run, or with ``~`` those of all runs of the DAG."""
        path = f"dags/{_part(dag_id)}/dagRuns/{_part(run_id)}/taskInstances"
        rows: list[dict[str, Any]] = []
        while True:
            page = self._call("GET", path, params={"limit": _PAGE, "offset": len(rows)})
            rows += page["task_instances"]
            if len(rows) >= page["total_entries"] or not page["task_instances"]:
                return rows

    def clear(self, dag_id: str, run_id: str, task_id: str) -> None:
        """Let a task of a run, and the tasks after it, run again."""
        body = {
            "dry_run": False,
            "dag_run_id": run_id,
            "task_ids": [task_id],
            "include_downstream": True,
            "only_failed": False,
        }
        self._call("POST", f"dags/{_part(dag_id)}/clearTaskInstances", json=body)

    def upsert(self, collection: str, entities: Sequence[Mapping[str, Any]]) -> None:
        """Create or overwrite connections, pools or variables.

        Raises
        ------
        StackError
            ``settings-refused``: Airflow took not all of them.
        """
        action = {"action": "create", "action_on_existence": "overwrite", "entities": entities}
        errors = self._call("PATCH", collection, json={"actions": [action]})["create"]["errors"]
        if errors:
            raise StackError(
                "settings-refused",
                f"Airflow refused {collection} of airflow_settings.yaml: {errors[0]['error']}",
            )

    def _call(self, verb: str, path: str, **request: Any) -> Any:
        url = f"{self._base_url}/api/v2/{path}"
        answer = self._send(verb, url, **request)
        if answer.status_code == requests.codes.unauthorized:
            self._log_in()
            answer = self._send(verb, url, **request)
        if not answer.ok:
            raise StackError(
                "airflow-refused",
                f"Airflow answered {answer.status_code} to {verb} {path}: {answer.text[:300]}",
            )
        return answer.json()

    def _send(self, verb: str, url: str, **request: Any) -> requests.Response:
        try:
            return self._session.request(verb, url, timeout=_TIMEOUT_SECONDS, **request)
        except requests.RequestException as error:
            raise StackError(
                "airflow-unreachable",
                f"Airflow does not answer at {self._base_url} ({type(error).__name__}); "
                "see the api-server's log.",
            ) from error

    def _log_in(self) -> None:
        url = f"{self._base_url}/auth/token"
        answer = self._send("POST", url, json=self._login)
        if not answer.ok:
            raise StackError(
                "airflow-login",
                f"Airflow at {self._base_url} does not take the login of this stack; "
                "another Airflow may be listening there.",
            )
        self._session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"


def _part(name: str) -> str:
    return quote(name, safe="")
