"""Stores and buckets for the DICOM tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from tests.contract.dicom.stores import DicomStore, unique


@pytest.fixture
def store(cloud: Any) -> DicomStore:
    """An empty DICOM store in a dataset of its own."""
    return DicomStore.create(cloud.healthcare)


@pytest.fixture(scope="session")
def bucket_of() -> Callable[[str], storage.Bucket]:
    """Make a new bucket on a Storage endpoint."""

    def create(endpoint: str) -> storage.Bucket:
        client = storage.Client(
            project="contract",
            credentials=AnonymousCredentials(),
            client_options={"api_endpoint": endpoint},
        )
        return client.create_bucket(unique("dicom"))

    return create


@pytest.fixture
def bucket(cloud: Any, bucket_of: Callable[[str], storage.Bucket]) -> storage.Bucket:
    """An empty bucket of the shared cloud."""
    return bucket_of(cloud.storage)
