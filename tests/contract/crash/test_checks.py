"""The crash test can fail: each kind of loss, made on purpose, is noticed."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from tests.contract.conftest import RunningCloud, StartCloud
from tests.contract.crash.campaign import Campaign, all_loads
from tests.contract.crash.fhir_load import STORE
from tests.contract.crash.healthcare import url_of
from tests.contract.crash.load import PROJECT, Load
from tests.contract.crash.pubsub_load import KEPT, subscriber_of
from tests.contract.crash.storage_load import BUCKET, client_of

_ROUNDS = 2
# Enough that not all of them are of writes that a death cut off.
_TAKEN = 30


@pytest.fixture(scope="module")
def survived(
    start_cloud: StartCloud, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Load]]:
    """A data folder after two deaths, and the loads that know what must be in it."""
    data = tmp_path_factory.mktemp("survived")
    # Long enough, on a busy machine too, for every load to have something to lose.
    campaign = Campaign(start_cloud, data, all_loads(), seed=1, load_seconds=(1.5, 1.5))
    campaign.prepare()
    for number in range(_ROUNDS):
        campaign.round(number)
    assert not campaign.problems
    return data, {load.name: load for load in campaign.loads}


def _delete_object(cloud: RunningCloud) -> None:
    next(iter(client_of(cloud).list_blobs(BUCKET))).delete()


def _delete_instance(cloud: RunningCloud) -> None:
    base = url_of(cloud, "dicomStores", "images", "dicomWeb")
    [row, *_] = requests.get(f"{base}/instances", headers=_DICOM_JSON, timeout=10).json()
    study, series, instance = (row[t]["Value"][0] for t in ("0020000D", "0020000E", "00080018"))
    path = f"studies/{study}/series/{series}/instances/{instance}"
    assert requests.delete(f"{base}/{path}", timeout=10).ok


def _delete_entry_of_a_bundle(cloud: RunningCloud) -> None:
    base = url_of(cloud, "fhirStores", STORE, "fhir")
    found = requests.get(f"{base}/Observation?_count=1000", timeout=10).json()["entry"]
    [entry, *_] = (e["resource"] for e in found if e["resource"]["valueString"] == "in a bundle")
    assert requests.delete(f"{base}/Observation/{entry['id']}", timeout=10).ok


def _overwrite_a_resource(cloud: RunningCloud) -> None:
    base = url_of(cloud, "fhirStores", STORE, "fhir")
    body = {"resourceType": "Patient", "id": "p0", "name": [{"family": "of another"}]}
    assert requests.put(f"{base}/Patient/p0", json=body, headers=_FHIR_JSON, timeout=10).ok


def _delete_secret_versions(cloud: RunningCloud) -> None:
    secret = f"{cloud.secretmanager}/v1/projects/{PROJECT}/secrets/r00"
    assert requests.delete(secret, timeout=10).ok
    created = requests.post(
        f"{secret.rpartition('/')[0]}?secretId=r00",
        json={"replication": {"automatic": {}}},
        timeout=10,
    )
    assert created.ok


def _take_messages(cloud: RunningCloud) -> None:
    _take(cloud, KEPT)


def _take_notifications(cloud: RunningCloud) -> None:
    _take(cloud, KEPT.replace("kept", "noted"))


def _take(cloud: RunningCloud, subscription: str) -> None:
    with subscriber_of(cloud) as client:
        received = client.pull(subscription=subscription, max_messages=_TAKEN).received_messages
        client.acknowledge(subscription=subscription, ack_ids=[each.ack_id for each in received])


_DICOM_JSON = {"Accept": "application/dicom+json"}
_FHIR_JSON = {"Content-Type": "application/fhir+json"}


def _unlink(file: Path) -> None:
    file.unlink()


def _garble(file: Path) -> None:
    file.write_bytes(b"of another")


@dataclass(frozen=True)
class Loss:
    """What is done behind the back of a load, and a part of what its check has to say."""

    load: str
    expected: str
    sabotage: Callable[..., None]
    service: str = ""
    """Whose files to sabotage; the running cloud is when empty."""

    def __str__(self) -> str:
        return f"{self.load}{self.sabotage.__name__}"


LOSSES = (
    Loss("storage", "is absent, not", _delete_object),
    Loss("storage", "listed but unreadable", _unlink, service="storage"),
    Loss("storage", "object", _garble, service="storage"),
    Loss("dicom", "is absent, not", _delete_instance),
    Loss("dicom", "is Internal Server Error, not", _unlink, service="healthcare"),
    Loss("dicom", "instance", _garble, service="healthcare"),
    Loss("fhir", "is 4, not 5", _delete_entry_of_a_bundle),
    Loss("fhir", "resource p0 is of another, not", _overwrite_a_resource),
    Loss("secrets", "is absent, not present", _delete_secret_versions),
    Loss("publisher", "never delivered", _take_messages),
    Loss("notifications", "no notification of", _take_notifications),
)


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_a_loss_is_noticed(
    survived: tuple[Path, dict[str, Load]], start_cloud: StartCloud, tmp_path: Path, loss: Loss
) -> None:
    data, loads = survived
    shutil.copytree(data, tmp_path / "data")
    if loss.service:
        for file in (tmp_path / "data/blobs" / loss.service).glob("??/*"):
            loss.sabotage(file)
    with start_cloud(tmp_path / "data") as cloud:
        if not loss.service:
            loss.sabotage(cloud)
        problems = copy.deepcopy(loads[loss.load]).problems(cloud, "")
    assert any(loss.expected in problem for problem in problems), problems
