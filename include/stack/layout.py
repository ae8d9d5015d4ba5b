"""Where the stack finds its programs and keeps its state."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Layout:
    """The folders of one stack; two stacks never share ``state``."""

    state: Path
    """Everything that a run writes; removing it forgets every study."""
    dags: Path = REPOSITORY / "dags"
    plugins: Path = REPOSITORY / "plugins"
    settings: Path = REPOSITORY / "airflow_settings.yaml"
    localcloud: Path = REPOSITORY / ".venvs/localcloud/bin/localcloud"
    modelserver: Path = REPOSITORY / ".venvs/modelserver/bin/modelserver"

    @property
    def airflow_home(self) -> Path:
        return self.state / "airflow"

    @property
    def cloud(self) -> Path:
        return self.state / "cloud"

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def record(self) -> Path:
        return self.state / "stack.json"

    @property
    def lock(self) -> Path:
        return self.state / "stack.lock"

    @property
    def secrets(self) -> Path:
        return self.state / "secrets.json"

    @property
    def passwords(self) -> Path:
        return self.state / "airflow-passwords.json"


def layout_from(environ: Mapping[str, str] = os.environ, folder: str = ".wetread") -> Layout:
    """Place the state below the repository; ``WETREAD_DAGS_FOLDER`` serves other DAGs.

    Another DAG folder lets a developer try the stack, or a DAG, without touching ``dags/``.
    """
    dags = environ.get("WETREAD_DAGS_FOLDER")
    state = REPOSITORY / folder
    return Layout(state, Path(dags).resolve()) if dags else Layout(state)
