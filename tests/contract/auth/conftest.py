"""A local cloud that requires tokens, with a dataset, stores, a bucket and topics of its owner."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from tests.contract.auth.clients import PROJECT, Account, GuardedCloud, unique

OWNER = f"owner@{PROJECT}.iam.gserviceaccount.com"
_IAM = f"""
[[accounts]]
email = "{OWNER}"
roles = ["roles/owner"]

[roles."projects/{PROJECT}/roles/predictor"]
permissions = ["aiplatform.endpoints.predict"]

[roles."projects/{PROJECT}/roles/creator"]
permissions = ["healthcare.fhirResources.create"]
"""


@dataclass(frozen=True)
class Place:
    """What the owner made: resource names, and the URLs of the stores."""

    dataset: str
    dicom: str
    fhir: str
    bucket: str

    @property
    def project(self) -> str:
        """The project that all of it belongs to."""
        return f"projects/{PROJECT}"


@pytest.fixture(scope="session")
def guarded(start_cloud: Any, tmp_path_factory: Any) -> Iterator[GuardedCloud]:
    """A local cloud that all tests of this folder share; use accounts of your own."""
    folder = tmp_path_factory.mktemp("guarded")
    iam = folder / "iam.toml"
    iam.write_text(_IAM)
    with start_cloud(folder / "data", "--require-token", f"--iam={iam}") as cloud:
        yield GuardedCloud(cloud)


@pytest.fixture(scope="session")
def owner(guarded: GuardedCloud) -> Account:
    """The account of the file, which may do everything in the project."""
    return Account(guarded.cloud, OWNER)


@pytest.fixture(scope="session")
def healthcare(owner: Account) -> Any:
    """Google's own client of datasets, as the owner."""
    return owner.api("healthcare").projects().locations().datasets()


@pytest.fixture(scope="session")
def place(owner: Account, healthcare: Any) -> Place:
    """A dataset with a DICOM and a FHIR store, and a bucket."""
    parent = f"projects/{PROJECT}/locations/us-central1"
    operation = healthcare.create(parent=parent, datasetId=unique("set"), body={}).execute()
    dataset = operation["response"]["name"]
    dicom = healthcare.dicomStores().create(parent=dataset, dicomStoreId="images", body={})
    fhir = healthcare.fhirStores().create(
        parent=dataset, fhirStoreId="records", body={"version": "R4", "enableUpdateCreate": True}
    )
    bucket = owner.storage().create_bucket(unique("bucket"))
    for name in ("there.txt", "replaced.txt"):
        bucket.blob(name).upload_from_string(b"there")
    return Place(dataset, dicom.execute()["name"], fhir.execute()["name"], bucket.name)
