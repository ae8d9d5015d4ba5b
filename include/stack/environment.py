"""The environment of Airflow's components on one machine."""

from __future__ import annotations

from collections.abc import Mapping

from stack.credentials import USER, Credentials
from stack.layout import Layout
from stack.ports import HOST, Ports
from stack.processes import MARKER

_INHERITED = ("HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "TZ", "USER")
"""Nothing else passes: a caller's AIRFLOW__*, GOOGLE_* or proxy settings must not change a run."""

_PREFIXES = ("OPENBLAS_", "OMP_", "SSL_CERT_")


def base_environment(layout: Layout, environ: Mapping[str, str]) -> dict[str, str]:
    """Return what every process of the stack gets."""
    passed = {
        name: value
        for name, value in environ.items()
        if name in _INHERITED or name.startswith(_PREFIXES)
    }
    return {
        **passed,
        MARKER: str(layout.state),
        "PYTHONUNBUFFERED": "1",
        # Google's libraries announce in every task's log when they will drop Python 3.11.
        "PYTHONWARNINGS": "ignore::FutureWarning:google.api_core._python_version_support",
        # Airflow renames its processes; without this the new name overwrites the mark.
        "SPT_NOENV": "1",
    }


def airflow_environment(
    layout: Layout, ports: Ports, credentials: Credentials, environ: Mapping[str, str]
) -> dict[str, str]:
    """Return Airflow's configuration; its connections stand in airflow_settings.yaml."""
    url = ports.url("airflow")
    database = layout.airflow_home / "airflow.db"
    return base_environment(layout, environ) | {
        "AIRFLOW_HOME": str(layout.airflow_home),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__HOST": HOST,
        "AIRFLOW__API__PORT": str(ports.number("airflow")),
        "AIRFLOW__API__SECRET_KEY": credentials.session_secret,
        "AIRFLOW__API_AUTH__JWT_SECRET": credentials.jwt_secret,
        # Paused until platform_setup has made what they need; `up` resumes them.
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",
        "AIRFLOW__CORE__DAGS_FOLDER": str(layout.dags),
        "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "3",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__CORE__FERNET_KEY": credentials.fernet_key,
        # A laptop without a network waits seconds for the default's name look-up.
        "AIRFLOW__CORE__HOSTNAME_CALLABLE": "socket.gethostname",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        # Each slot is a writer: SQLite locks up at the default of 32.
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(layout.plugins),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(layout.passwords),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "10",
        # SQLite has one writer at a time; the others wait for it instead of failing after 5 s.
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{database}?timeout=30",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(layout.airflow_home / "logs"),
        "AIRFLOW__OPENLINEAGE__DISABLED": "True",
        # A task that waited for its worker when `down` came is found after this long; default 300.
        "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "20",
        # The pause between two loops is most of what a short task waits: 0.5 s a task here against
        # 1.2 s at the default of 1 s, for 8 % of a core while nothing happens.
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
        # A task killed by `down` is noticed after this long, instead of five minutes.
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
    }
