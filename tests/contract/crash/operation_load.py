"""Imports that run when the server dies: each ends, and nothing half-read is in the store."""

from __future__ import annotations

import itertools
import random
import time
from typing import Any

import requests
from tests.contract.conftest import RunningCloud
from tests.contract.crash.dicom_load import DicomLoad, new_slice
from tests.contract.crash.healthcare import DATASET
from tests.contract.crash.ledger import digest
from tests.contract.crash.load import TIMEOUT_SECONDS
from tests.contract.crash.storage_load import NO_RETRY, client_of

_BUCKET = "crash-imports"
_STORE = "imported"
_FILES = 4
_POLL_SECONDS = 0.02
_END_SECONDS = 20.0


class OperationLoad:
    """One import after another; what an import will store is in doubt until it says it did."""

    name = "imports"

    def __init__(self) -> None:
        self.instances = DicomLoad(_STORE)
        self._operations: list[str] = []
        self._aborted = 0

    def prepare(self, cloud: RunningCloud) -> None:
        client_of(cloud).create_bucket(_BUCKET)
        self.instances.prepare(cloud)

    def work(self, cloud: RunningCloud, prefix: str, dice: random.Random) -> None:
        bucket = client_of(cloud).bucket(_BUCKET)
        study = self.instances.study_of(prefix)
        for number in itertools.count():
            folder = f"{prefix}{number}"
            states = {}
            for part in range(_FILES):
                path, content = new_slice(study, part, dice)
                states["/".join(path.split("/")[1::2])] = digest(content)
                bucket.blob(f"{folder}/{part}.dcm").upload_from_string(content, **NO_RETRY)
            with self.instances.ledger.writing(states):
                name = self._start(cloud, f"gs://{_BUCKET}/{folder}/*.dcm")
                self._operations.append(name)
                ended = _ended(cloud, name)
                if "error" in ended:
                    raise RuntimeError(f"import failed: {ended['error']}")

    def problems(self, cloud: RunningCloud, prefix: str) -> list[str]:
        lines = []
        for name in self._operations:
            ended = _ended(cloud, name)
            if not ended.get("done"):
                lines.append(f"operation {name} never ends")
            self._aborted += "error" in ended
        self._operations.clear()
        return lines + self.instances.problems(cloud, prefix)

    def summary(self) -> dict[str, int]:
        return {**self.instances.summary(), "aborted": self._aborted}

    def _start(self, cloud: RunningCloud, uri: str) -> str:
        answer = requests.post(
            f"{cloud.healthcare}/v1/{DATASET}/dicomStores/{_STORE}:import",
            json={"gcsSource": {"uri": uri}},
            timeout=TIMEOUT_SECONDS,
        )
        answer.raise_for_status()
        return str(answer.json()["name"])


def _ended(cloud: RunningCloud, name: str) -> dict[str, Any]:
    """Poll an operation until it is done, for a limited time."""
    deadline = time.monotonic() + _END_SECONDS
    while True:
        answer = requests.get(f"{cloud.healthcare}/v1/{name}", timeout=TIMEOUT_SECONDS)
        answer.raise_for_status()
        operation: dict[str, Any] = answer.json()
        if operation.get("done") or time.monotonic() > deadline:
            return operation
        time.sleep(_POLL_SECONDS)
