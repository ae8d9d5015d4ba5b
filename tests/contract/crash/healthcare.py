"""The dataset of the crash test and its stores."""

from __future__ import annotations

from typing import Any

import requests
from tests.contract.conftest import RunningCloud
from tests.contract.crash.load import PROJECT, TIMEOUT_SECONDS

_LOCATION = f"projects/{PROJECT}/locations/us-central1"
DATASET = f"{_LOCATION}/datasets/crash"


def create_dataset(cloud: RunningCloud) -> None:
    """Create the one dataset of all stores."""
    _post(f"{cloud.healthcare}/v1/{_LOCATION}/datasets", {"datasetId": "crash"}, {})


def create_store(cloud: RunningCloud, kind: str, name: str, **settings: Any) -> None:
    """Create a store; ``kind`` is ``dicomStores`` or ``fhirStores``."""
    parameter = {"dicomStores": "dicomStoreId", "fhirStores": "fhirStoreId"}[kind]
    _post(f"{cloud.healthcare}/v1/{DATASET}/{kind}", {parameter: name}, settings)


def url_of(cloud: RunningCloud, kind: str, name: str, suffix: str) -> str:
    """Return the address of a store's DICOMweb or FHIR service."""
    return f"{cloud.healthcare}/v1/{DATASET}/{kind}/{name}/{suffix}"


def _post(url: str, query: dict[str, str], body: dict[str, Any]) -> None:
    answer = requests.post(url, params=query, json=body, timeout=TIMEOUT_SECONDS)
    answer.raise_for_status()
