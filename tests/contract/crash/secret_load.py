"""Versions added to secrets, a secret for each round."""

from __future__ import annotations

import base64
import itertools
import random
from typing import Any

import requests
from tests.contract.conftest import RunningCloud
from tests.contract.crash.ledger import Ledger
from tests.contract.crash.load import PROJECT, TIMEOUT_SECONDS

_PRESENT = "present"
_PAGE = 1000


class SecretLoad:
    """A version's number is not known before its answer, so the payload is its name."""

    name = "secrets"

    def __init__(self) -> None:
        self.ledger = Ledger("secret version")
        self._secrets: list[str] = []

    def prepare(self, cloud: RunningCloud) -> None:
        """Nothing: each round creates its secret."""

    def work(self, cloud: RunningCloud, prefix: str, dice: random.Random) -> None:
        base = f"{cloud.secretmanager}/v1/projects/{PROJECT}/secrets"
        with requests.Session() as session:
            secret = prefix.rstrip("/")
            body = {"replication": {"automatic": {}}}
            _post(session, f"{base}?secretId={secret}", body)
            self._secrets.append(secret)
            for number in itertools.count():
                payload = f"{prefix}{number}-{dice.randbytes(20).hex()}"
                with self.ledger.writing({payload: _PRESENT}):
                    data = base64.b64encode(payload.encode()).decode()
                    _post(session, f"{base}/{secret}:addVersion", {"payload": {"data": data}})

    def problems(self, cloud: RunningCloud, prefix: str) -> list[str]:
        """Access every version that is listed."""
        found = {}
        for secret in self._secrets:
            if not f"{secret}/".startswith(prefix):
                continue
            versions = _get(cloud, f"projects/{PROJECT}/secrets/{secret}/versions?pageSize={_PAGE}")
            for version in versions.get("versions", []):
                answer = _get(cloud, f"{version['name']}:access")
                found[base64.b64decode(answer["payload"]["data"]).decode()] = _PRESENT
        return self.ledger.problems(found, prefix)

    def summary(self) -> dict[str, int]:
        return self.ledger.counts()


def _post(session: requests.Session, url: str, body: Any) -> None:
    session.post(url, json=body, timeout=TIMEOUT_SECONDS).raise_for_status()


def _get(cloud: RunningCloud, path: str) -> dict[str, Any]:
    answer = requests.get(f"{cloud.secretmanager}/v1/{path}", timeout=TIMEOUT_SECONDS)
    answer.raise_for_status()
    content: dict[str, Any] = answer.json()
    return content
