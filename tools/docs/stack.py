"""The local stack's page: commands, ports, variables, connection, pools, services."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml
from tools.docs.markdown import code, page, table

from stack.components import AIRFLOW_HEALTH, CLOUD, MODEL_SERVER
from stack.ports import DEFAULTS, Ports
from stack.status import client_exports

_INTRO = """\
What runs on one machine, where it listens and what configures it. Everything listens on 127.0.0.1
only. The methods that the local cloud serves are listed at `/_localcloud` of its Storage address,
by default http://127.0.0.1:8600/_localcloud; its options and its faults are described in
[its README](../../include/localcloud/README.md), and its Vision in
[what the local one computes](../../include/localcloud/docs/vision.md)."""

_PORTS = """\
## Ports

The variables hold for `make up` and `make demo`, and in `.env` for docker compose."""

_EXPORTS = """\
## Variables for client programs

`make up` and `make status` print them. Google's Storage and Pub/Sub clients read theirs by
themselves; the other values are base URLs to pass as the client's API endpoint."""

_FILE = """\
## airflow_settings.yaml

The only source of Airflow's connections, pools and variables on one machine. `make up`, `make demo`
and the compose service `provision` load it; endpoints follow ports that were moved."""

_STATE = (
    (
        "`.wetread/`",
        "the stack of `make up`: `airflow/` (database, task logs), `cloud/` (buckets, stores), "
        "`logs/` (one file per component), `secrets.json` and `airflow-passwords.json`, and, while "
        "it runs, `stack.json` (ports and processes)",
    ),
    ("`.wetread/demo/`", "the same of `make demo`; emptied when the demo starts"),
    ("`build/demo.json`", "the demo's table, with the seconds of every task"),
    ("`.venvs/`", "the environments, made from the lock files"),
)

_AFTER_STATE = """\
`make down` keeps the state, so studies are still there after the next `make up`; `make clean`
removes it. `WETREAD_DAGS_FOLDER` makes `make up` and `make demo` serve the DAGs of another folder;
`PYTHON` names the Python 3.11 that `make` sets the environments up with."""


def page_text(repository: Path) -> str:
    compose = yaml.safe_load((repository / "docker-compose.yaml").read_text("utf-8"))
    settings = yaml.safe_load((repository / "airflow_settings.yaml").read_text("utf-8"))["airflow"]
    return page(
        "Local stack",
        "engineers",
        _INTRO,
        "## Commands",
        table(("command", "what it does"), make_targets(repository)),
        _PORTS,
        table(("port", "what answers", "variable"), _ports()),
        f"Components: {', '.join(map(code, (CLOUD, MODEL_SERVER, *AIRFLOW_HEALTH)))}.",
        _EXPORTS,
        table(("variable", "value"), _code_rows(client_exports(Ports()))),
        _FILE,
        *_airflow(settings),
        "## Where state lies",
        table(("path", "what"), _STATE),
        _AFTER_STATE,
        "## Variables of .env, for docker compose",
        table(("variable", "default", "meaning"), _dotenv(repository)),
        "## Services of docker-compose.yaml",
        table(("service", "image", "command"), _services(compose["services"])),
    )


def make_targets(repository: Path) -> list[tuple[str, str]]:
    """Return every target of the Makefile with the line that ``make help`` says about it."""
    text = (repository / "Makefile").read_text("utf-8")
    lines = re.findall(r"@echo 'make ([\w-]+) +(.*)'", text)
    return [
        ("`make help`", "list the commands"),
        *((code(f"make {n}"), _help(t)) for n, t in lines),
    ]


def _help(text: str) -> str:
    meaning, *option = re.split(r"\s{2,}", text)
    return f"{meaning}; {option[0]}" if option else meaning


def _ports() -> list[tuple[str, ...]]:
    return [(str(row.number), row.title, code(row.variable)) for row in DEFAULTS]


def _code_rows(values: dict[str, str]) -> list[tuple[str, str]]:
    return [(code(name), code(value)) for name, value in values.items()]


def _airflow(settings: dict[str, Any]) -> list[str]:
    (connection,) = settings["connections"]
    extra = json.dumps(connection["conn_extra"], indent=2)
    pools = [
        (code(row["pool_name"]), str(row["pool_slot"]), row["pool_description"])
        for row in settings["pools"]
    ]
    variables = {row["variable_name"]: row["variable_value"] for row in settings["variables"]}
    return [
        f"Connection `{connection['conn_id']}`, type `{connection['conn_type']}`, extra:",
        f"```json\n{extra}\n```",
        table(("pool", "slots", "what for"), pools),
        table(("variable", "value"), _code_rows(variables)),
    ]


def _dotenv(repository: Path) -> list[tuple[str, str, str]]:
    rows, comment = [], ""
    for line in (repository / ".env.example").read_text("utf-8").splitlines():
        if line.startswith("#"):
            comment = line.lstrip("# ")
        elif "=" in line:
            name, _, value = line.partition("=")
            rows.append((code(name), code(value) if value else "", comment))
    return rows


def _services(services: dict[str, Any]) -> list[tuple[str, ...]]:
    return [
        (code(name), code(service["image"]), code(_command(service.get("command", ""))))
        if service.get("command")
        else (code(name), code(service["image"]), "the image's own")
        for name, service in services.items()
    ]


def _command(command: list[str] | str) -> str:
    """Return a command without its options, which the file explains."""
    words = command if isinstance(command, list) else command.split()
    if words[0] == "sh":
        return "airflow celery worker"
    end = next((i for i, word in enumerate(words) if word.startswith("--")), len(words))
    return " ".join(words[:end])
