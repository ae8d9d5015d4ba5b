"""FHIR stores of the shared local cloud."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.contract.fhir.fhir_client import FhirClient


@pytest.fixture(scope="session")
def new_store(cloud: Any) -> Callable[..., FhirClient]:
    """Make a FHIR store with the given configuration."""

    def make(**store: Any) -> FhirClient:
        return FhirClient.of_new_store(cloud.healthcare, **store)

    return make


@pytest.fixture(scope="module")
def fhir(new_store: Callable[..., FhirClient]) -> FhirClient:
    """A store with Google's defaults, shared by a module's tests."""
    return new_store()


@pytest.fixture(scope="session")
def open_fhir(new_store: Callable[..., FhirClient]) -> FhirClient:
    """A store in which clients choose ids (``enableUpdateCreate``)."""
    return new_store(enableUpdateCreate=True)
