"""``make demo``: every sample study ends as expected, and nothing of a patient is where it
does not belong."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import psutil
import pytest
import requests
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from google.pubsub_v1 import SubscriberClient
from tests.contract.conftest import StartCloud, start_cloud
from tests.system.conftest import Demo

import samples
from stack.demo.client import DICOM_STORE, FHIR_STORE, MANUFACTURER

__all__ = ["start_cloud"]
pytestmark = [pytest.mark.system, pytest.mark.timeout(1800)]

IDENTIFIERS = sorted(samples.identifiers())


def files_with_identifiers(root: Path, identifiers: list[str]) -> Iterator[tuple[str, str]]:
    """Yield every identifier found in a file's name or content below ``root``."""
    for path in root.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        for identifier in identifiers:
            if identifier in str(path.relative_to(root)) or identifier.encode() in content:
                yield str(path.relative_to(root)), identifier


def database_dump(path: Path) -> str:
    """Return all of a SQLite database as SQL text, values in clear."""
    with sqlite3.connect(path) as connection:
        return "\n".join(connection.iterdump())


def answers(url: str, media_type: str) -> Any:
    answer = requests.get(url, headers={"Accept": media_type}, timeout=30)
    answer.raise_for_status()
    return answer.json()


def result_uids(healthcare: str) -> Iterator[str]:
    """Yield the UIDs of the DICOM objects that the pipeline wrote, and of their series."""
    dicomweb = f"{healthcare}/v1/{DICOM_STORE}/dicomWeb"
    for study in answers(f"{dicomweb}/studies", "application/dicom+json"):
        uid = study["0020000D"]["Value"][0]
        for instance in answers(f"{dicomweb}/studies/{uid}/metadata", "application/dicom+json"):
            if instance.get("00080070", {}).get("Value") == [MANUFACTURER]:
                yield from (instance[tag]["Value"][0] for tag in ("00080018", "0020000E"))


def resource_ids(healthcare: str) -> Iterator[str]:
    """Yield the ids of the resources about a study."""
    for kind in ("DiagnosticReport", "ImagingStudy", "Media", "Observation", "Provenance", "Task"):
        url = f"{healthcare}/v1/{FHIR_STORE}/fhir/{kind}?_count=1000"
        for entry in answers(url, "application/fhir+json").get("entry", ()):
            yield entry["resource"]["id"]


def test_every_sample_reaches_its_expected_state(demo: Demo) -> None:
    assert [study["mismatches"] for study in demo.result["studies"]] == [
        [] for _ in samples.catalog()
    ]
    assert demo.exit_code == 0


def test_result_has_the_columns_and_the_seconds_of_every_task(demo: Demo) -> None:
    study = next(s for s in demo.result["studies"] if s["name"] == "ct-chest-nodule")
    assert study["study_key"].startswith("k1-")
    assert study["instances"] == {
        "analysed": 60,
        "skipped": 0,
        "unsupported": 0,
        "quarantined": 0,
    }
    assert (study["report_status"], study["alert"]) == ("preliminary", True)
    assert study["objects"] == {"KO": 2, "OT": 2, "SEG": 1, "SR": 2}
    assert set(study["tasks"]) == {
        "await_study",
        "import_study",
        "analyze_images[0]",
        "write_dicom_results",
        "write_fhir_report",
        "raise_alert",
        "archive_source",
    }


def test_nothing_is_left_running(demo: Demo) -> None:
    mark = str(demo.layout.state)
    left = [
        process.info["name"]
        for process in psutil.process_iter(["name", "environ"])
        if mark in (process.info["environ"] or {}).get("AIRFLOW_HOME", "")
    ]
    assert left == []


def test_airflow_has_no_identifier(demo: Demo) -> None:
    """Logs, XComs, run ids, confs, rendered fields and audit rows, as files and as rows."""
    assert list(files_with_identifiers(demo.layout.airflow_home, IDENTIFIERS)) == []
    assert list(files_with_identifiers(demo.layout.logs, IDENTIFIERS)) == []
    dump = database_dump(demo.layout.airflow_home / "airflow.db")
    assert [identifier for identifier in IDENTIFIERS if identifier in dump] == []


def test_airflow_has_no_name_of_what_was_written(demo: Demo, start_cloud: StartCloud) -> None:
    """UIDs of results and ids of resources lead to the patient as those of the images do."""
    with start_cloud(demo.layout.cloud) as cloud:
        names = sorted({*result_uids(cloud.healthcare), *resource_ids(cloud.healthcare)})
    assert len(names) > 5 * len(demo.result["studies"])
    assert list(files_with_identifiers(demo.layout.logs, names)) == []
    dump = database_dump(demo.layout.airflow_home / "airflow.db")
    assert [name for name in names if name in dump] == []


def test_the_search_would_find_an_identifier(demo: Demo) -> None:
    """The same search finds the identifiers where they belong, and study keys in the database."""
    in_cloud = {found for _, found in files_with_identifiers(demo.layout.cloud, IDENTIFIERS)}
    as_stored = {found for found in IDENTIFIERS if not re.fullmatch(r"\d{4}-\d\d-\d\d", found)}
    assert in_cloud >= as_stored
    dump = database_dump(demo.layout.airflow_home / "airflow.db")
    assert all(study["study_key"] in dump for study in demo.result["studies"])


def test_alerts_have_no_identifier(demo: Demo, start_cloud: StartCloud) -> None:
    with start_cloud(demo.layout.cloud) as cloud:
        transport = SubscriberClient.get_transport_class("grpc")
        client = SubscriberClient(transport=transport(channel=grpc.insecure_channel(cloud.pubsub)))
        answer = client.pull(
            subscription="projects/wetread-local/subscriptions/critical-alerts-audit",
            max_messages=100,
        )
    messages = [item.message for item in answer.received_messages]
    expected = [study for study in demo.result["studies"] if study["alert"]]
    assert {m.attributes["study_key"] for m in messages} == {s["study_key"] for s in expected}
    for message in messages:
        text = message.data.decode() + json.dumps(dict(message.attributes))
        assert [identifier for identifier in IDENTIFIERS if identifier in text] == []


def test_names_that_the_pipeline_makes_have_no_identifier(
    demo: Demo, start_cloud: StartCloud
) -> None:
    """Object names outside the senders' folders are study keys, tokens and numbers."""
    with start_cloud(demo.layout.cloud) as cloud:
        client = storage.Client(
            project="wetread-local",
            credentials=AnonymousCredentials(),
            client_options={"api_endpoint": cloud.storage},
        )
        state = [blob.name for blob in client.list_blobs("wetread-state", versions=True)]
        staged = [
            blob.name
            for blob in client.list_blobs("wetread-incoming", prefix="staging/", versions=True)
        ]
        left = [blob.name for blob in client.list_blobs("wetread-incoming", prefix="incoming/")]
    assert state
    assert staged
    for name in (*state, *staged):
        assert [identifier for identifier in IDENTIFIERS if identifier in name] == []
    assert left == []
