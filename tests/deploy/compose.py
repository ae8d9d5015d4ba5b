"""docker-compose.yaml, .env.example and the Dockerfile as the tests see them."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
COMPOSE_FILE = REPOSITORY / "docker-compose.yaml"
VARIABLE = re.compile(r"(?<!\$)\$\{(?P<name>\w+)(?:(?P<operator>:[-?])(?P<argument>[^}]*))?\}")


@cache
def compose() -> dict[str, Any]:
    return yaml.safe_load(COMPOSE_FILE.read_text("utf-8"))


def services() -> dict[str, dict[str, Any]]:
    return compose()["services"]


def variables() -> dict[str, set[tuple[str | None, str | None]]]:
    """Return each variable with the ways it is used: (operator, default or message)."""
    uses: dict[str, set[tuple[str | None, str | None]]] = {}
    for match in VARIABLE.finditer(COMPOSE_FILE.read_text("utf-8")):
        uses.setdefault(match["name"], set()).add((match["operator"], match["argument"]))
    return uses


def env_example() -> dict[str, str]:
    lines = (REPOSITORY / ".env.example").read_text("utf-8").splitlines()
    rows = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name: value for name, _, value in rows}


def with_defaults(text: str) -> str:
    """Substitute variables as Compose does with the values of .env.example."""
    return VARIABLE.sub(lambda match: env_example()[match["name"]] or "secret", text).replace(
        "$$", "$"
    )


def dockerfile(folder: Path = REPOSITORY) -> list[tuple[str, str]]:
    """Return a Dockerfile's instructions, continuation lines joined."""
    text = (folder / "Dockerfile").read_text("utf-8").replace("\\\n", " ")
    lines = (line.strip() for line in text.splitlines())
    rows = (line.partition(" ") for line in lines if line and not line.startswith("#"))
    return [(name, " ".join(arguments.split())) for name, _, arguments in rows]
