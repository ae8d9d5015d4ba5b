"""Rounds of load, a kill at a random moment, a restart and a check."""

from __future__ import annotations

import random
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.contract.conftest import RunningCloud, StartCloud, localcloud_command
from tests.contract.crash.dicom_load import DicomLoad
from tests.contract.crash.fhir_load import FhirLoad
from tests.contract.crash.healthcare import create_dataset
from tests.contract.crash.load import Load
from tests.contract.crash.notification_load import NotificationLoad
from tests.contract.crash.operation_load import OperationLoad
from tests.contract.crash.pubsub_load import PublishLoad, PullLoad
from tests.contract.crash.secret_load import SecretLoad
from tests.contract.crash.session_load import SessionLoad
from tests.contract.crash.storage_load import StorageLoad

_LOAD_SECONDS = (0.02, 0.45)
# About the time from the start of the process to its first answer.
_RECOVERY_SECONDS = (0.3, 0.9)
_JOIN_SECONDS = 15.0
EPHEMERAL = [f"--{name}-port=0" for name in ("storage", "pubsub", "vision", "secretmanager")]


def all_loads() -> list[Load]:
    """Return one load of each kind; the topic of the notifications comes first."""
    storage, dicom, fhir, published = StorageLoad(), DicomLoad(), FhirLoad(), PublishLoad()
    return [
        NotificationLoad(storage, dicom, fhir),
        storage,
        SessionLoad(),
        published,
        PullLoad(published),
        dicom,
        fhir,
        SecretLoad(),
        OperationLoad(),
    ]


@dataclass
class Campaign:
    """The same data folder through many deaths; every random choice comes from ``seed``."""

    start_cloud: StartCloud
    data: Path
    loads: Sequence[Load]
    seed: int
    load_seconds: tuple[float, float] = _LOAD_SECONDS
    kills: int = 0
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._dice = random.Random(self.seed)

    def prepare(self) -> None:
        """Create what the loads need, and stop politely."""
        with self.start_cloud(self.data) as cloud:
            create_dataset(cloud)
            for load in self.loads:
                load.prepare(cloud)

    def round(self, number: int) -> None:
        """Check what the last round left, then load, then kill."""
        with self.start_cloud(self.data) as cloud:
            if number:
                self._check(cloud, _prefix(number - 1))
            self._load_and_kill(cloud, _prefix(number))

    def kill_while_starting(self) -> None:
        """Kill a cloud that is about to repair what the last death left."""
        with subprocess.Popen(
            [localcloud_command(), "--data", str(self.data), *EPHEMERAL],
            stdout=subprocess.DEVNULL,
        ) as process:
            time.sleep(self._dice.uniform(*_RECOVERY_SECONDS))
            process.kill()
        self.kills += 1

    def finish(self) -> None:
        """Read back everything."""
        with self.start_cloud(self.data) as cloud:
            self._check(cloud, "")

    def _check(self, cloud: RunningCloud, prefix: str) -> None:
        for load in self.loads:
            self.problems += [f"{load.name}: {line}" for line in load.problems(cloud, prefix)]

    def _load_and_kill(self, cloud: RunningCloud, prefix: str) -> None:
        killed = threading.Event()
        seeds = [self._dice.randrange(1 << 30) for _ in self.loads]
        threads = [
            threading.Thread(target=self._work, args=(load, cloud, prefix, seed, killed))
            for load, seed in zip(self.loads, seeds, strict=True)
        ]
        for thread in threads:
            thread.start()
        time.sleep(self._dice.uniform(*self.load_seconds))
        killed.set()
        cloud.process.kill()
        self.kills += 1
        cloud.process.wait()
        for thread in threads:
            thread.join(_JOIN_SECONDS)
            if thread.is_alive():
                self.problems.append(f"{prefix}: a client hangs after the server's death")

    def _work(
        self, load: Load, cloud: RunningCloud, prefix: str, seed: int, killed: threading.Event
    ) -> None:
        try:
            load.work(cloud, prefix, random.Random(seed))
        except Exception as error:  # whatever a client raises when its server dies
            if not killed.is_set():
                self.problems.append(f"{load.name}: failed before the kill: {error!r}")


def _prefix(number: int) -> str:
    return f"r{number:02d}/"
