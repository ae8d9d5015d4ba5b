"""The secrets of one local stack, made once and readable by their owner only."""

from __future__ import annotations

import base64
import json
import os
import secrets
from dataclasses import asdict, dataclass

from stack.layout import Layout

USER = "admin"


@dataclass(frozen=True)
class Credentials:
    """What Airflow's components share, and the login of its only user."""

    fernet_key: str
    jwt_secret: str
    session_secret: str
    password: str


def credentials_of(layout: Layout) -> Credentials:
    """Read the stack's secrets, making them on first use.

    They last as long as the state: what Airflow encrypted stays readable, a login stays valid.
    """
    if layout.secrets.exists():
        return Credentials(**json.loads(layout.secrets.read_text("utf-8")))
    made = Credentials(
        fernet_key=base64.urlsafe_b64encode(secrets.token_bytes(32)).decode("ascii"),
        jwt_secret=secrets.token_urlsafe(48),
        session_secret=secrets.token_urlsafe(48),
        password=secrets.token_urlsafe(12),
    )
    # Airflow's simple auth manager reads logins from a file of its own.
    _write_private(layout.passwords, {USER: made.password})
    _write_private(layout.secrets, asdict(made))
    return made


def _write_private(path: os.PathLike[str], content: dict[str, str]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file)
        file.write("\n")
