"""Models from where Vertex AI says: ``AIP_STORAGE_URI``, read as the container's account."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import requests
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from tests.contract.conftest import RunningCloud
from tests.modelserver.server import listening, running, write_model
from tests.modelserver.stores import Store, running_store, says

NOWHERE = "127.0.0.1:1"


@pytest.fixture
def uri(cloud: RunningCloud, tmp_path: Path) -> str:
    """A prefix with one model below it, and with what is no model."""
    client = storage.Client(
        project="p",
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": cloud.storage},
    )
    bucket = client.create_bucket("artifacts-of-a-model")
    model = write_model(tmp_path / "source", "uploaded", "BrightArea", "image", [])
    for file in model.iterdir():
        bucket.blob(f"models/v 7/uploaded/{file.name}").upload_from_filename(file)
    bucket.blob("models/v 7/uploaded/notes.txt").upload_from_string("no part of a model")
    bucket.blob("models/v 7/../evil/model.toml").upload_from_string("no part of a model")
    return f"gs://{bucket.name}/models/v 7"


def test_models_are_loaded_from_the_storage_uri(
    cloud: RunningCloud, uri: str, tmp_path: Path
) -> None:
    environ = {
        "AIP_STORAGE_URI": uri,
        "GCE_METADATA_HOST": NOWHERE,
        "MODELSERVER_STORAGE_ENDPOINT": cloud.storage,
    }
    with running(tmp_path, **environ) as server:
        health = requests.get(f"{server.url}/health", timeout=5).json()
        assert [model["name"] for model in health["models"]] == ["uploaded"]


def test_the_containers_own_token_is_used(store: Store, tmp_path: Path) -> None:
    with running_store() as metadata:
        token = {"access_token": "of-the-container", "expires_in": 3600, "token_type": "Bearer"}
        metadata.answer = says(200, json.dumps(token).encode(), Content_Type="application/json")
        store.asked.clear()
        store.answer = says(403)
        environ = {"AIP_STORAGE_URI": "gs://b/m", "GCE_METADATA_HOST": metadata.host}
        option = f"--storage-endpoint={store.url}"
        with listening(tmp_path, option, **environ) as server:
            assert server.process.wait(20) == 2
            assert "AIP_STORAGE_URI cannot be read: the store answered 403." in server.log
        assert {authorization for _, authorization in store.asked} == {"Bearer of-the-container"}
        ((path, _),) = metadata.asked
        assert path == "/computeMetadata/v1/instance/service-accounts/default/token"
