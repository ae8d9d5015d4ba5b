"""What each predefined role may do, and the next thing that it may not."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import requests
from tests.contract.auth.clients import PROJECT, TIMEOUT_SECONDS, Account, GuardedCloud, unique
from tests.contract.auth.conftest import Place

FORBIDDEN = 403
ROLES = "https://docs.cloud.google.com/iam/docs/roles-permissions"
FHIR_JSON = {"Content-Type": "application/fhir+json"}
PATIENT = json.dumps({"resourceType": "Patient"})


class Attempts:
    """Calls that reach their handler or are refused; whether they succeed there is no matter."""

    def __init__(self, account: Account, place: Place) -> None:
        self._account = account
        self._session = account.session()
        self._place = place

    def _call(self, verb: str, url: str, **arguments: Any) -> requests.Response:
        return self._session.request(verb, url, timeout=TIMEOUT_SECONDS, **arguments)

    def healthcare(self, verb: str, path: str, **arguments: Any) -> requests.Response:
        """Call the Healthcare API."""
        return self._call(verb, f"{self._account.cloud.healthcare}/v1/{path}", **arguments)

    def storage(self, verb: str, path: str, **arguments: Any) -> requests.Response:
        """Call the JSON API of Cloud Storage."""
        return self._call(verb, f"{self._account.cloud.storage}/{path}", **arguments)

    def secrets(self, verb: str, path: str, **arguments: Any) -> requests.Response:
        """Call Secret Manager."""
        url = f"{self._account.cloud.secretmanager}/v1/projects/{PROJECT}/{path}"
        return self._call(verb, url, **arguments)

    def make(self, name: str) -> requests.Response:
        """Make the attempt of that name."""
        return ATTEMPTS[name](self, self._place)


Attempt = Callable[[Attempts, Place], requests.Response]

ATTEMPTS: Mapping[str, Attempt] = {
    "get dataset": lambda a, p: a.healthcare("GET", p.dataset),
    "patch dataset": lambda a, p: a.healthcare("PATCH", p.dataset, json={}),
    "set dataset policy": lambda a, p: a.healthcare("POST", f"{p.dataset}:setIamPolicy", json={}),
    "list operations": lambda a, p: a.healthcare("GET", f"{p.dataset}/operations"),
    "get operation": lambda a, p: a.healthcare("GET", f"{p.dataset}/operations/1"),
    "cancel operation": lambda a, p: a.healthcare("POST", f"{p.dataset}/operations/1:cancel"),
    "get DICOM store": lambda a, p: a.healthcare("GET", p.dicom),
    "create DICOM store": lambda a, p: a.healthcare("POST", f"{p.dataset}/dicomStores", json={}),
    "search DICOM": lambda a, p: a.healthcare("GET", f"{p.dicom}/dicomWeb/studies"),
    "store DICOM": lambda a, p: a.healthcare(
        "POST",
        f"{p.dicom}/dicomWeb/studies",
        data=b"not DICOM",
        headers={"Content-Type": "application/dicom"},
    ),
    "delete DICOM": lambda a, p: a.healthcare("DELETE", f"{p.dicom}/dicomWeb/studies/1.2.3"),
    "import DICOM": lambda a, p: a.healthcare("POST", f"{p.dicom}:import", json={}),
    "export DICOM": lambda a, p: a.healthcare("POST", f"{p.dicom}:export", json={}),
    "set DICOM store policy": lambda a, p: a.healthcare(
        "POST", f"{p.dicom}:setIamPolicy", json={"policy": {}}
    ),
    "read FHIR": lambda a, p: a.healthcare("GET", f"{p.fhir}/fhir/Patient/none"),
    "search FHIR": lambda a, p: a.healthcare("GET", f"{p.fhir}/fhir/Patient"),
    "create FHIR": lambda a, p: a.healthcare(
        "POST", f"{p.fhir}/fhir/Patient", data=PATIENT, headers=FHIR_JSON
    ),
    "delete FHIR": lambda a, p: a.healthcare("DELETE", f"{p.fhir}/fhir/Patient/none"),
    "purge FHIR": lambda a, p: a.healthcare("DELETE", f"{p.fhir}/fhir/Patient/none/$purge"),
    "import FHIR": lambda a, p: a.healthcare("POST", f"{p.fhir}:import", json={}),
    "create FHIR store": lambda a, p: a.healthcare("POST", f"{p.dataset}/fhirStores", json={}),
    "read object": lambda a, p: a.storage("GET", f"storage/v1/b/{p.bucket}/o/there.txt?alt=media"),
    "list objects": lambda a, p: a.storage("GET", f"storage/v1/b/{p.bucket}/o"),
    "create object": lambda a, p: a.storage(
        "POST", f"upload/storage/v1/b/{p.bucket}/o?uploadType=media&name={unique('new')}"
    ),
    "overwrite object": lambda a, p: a.storage(
        "POST", f"upload/storage/v1/b/{p.bucket}/o?uploadType=media&name=replaced.txt"
    ),
    "delete object": lambda a, p: a.storage("DELETE", f"storage/v1/b/{p.bucket}/o/none.txt"),
    "get bucket": lambda a, p: a.storage("GET", f"storage/v1/b/{p.bucket}"),
    "list buckets": lambda a, p: a.storage("GET", f"storage/v1/b?project={PROJECT}"),
    "create bucket": lambda a, p: a.storage(
        "POST", f"storage/v1/b?project={PROJECT}", json={"name": unique("bucket")}
    ),
    "get bucket policy": lambda a, p: a.storage("GET", f"storage/v1/b/{p.bucket}/iam"),
    "list secrets": lambda a, p: a.secrets("GET", "secrets"),
    "create secret": lambda a, p: a.secrets(
        "POST",
        f"secrets?secretId={unique('secret')}",
        json={"replication": {"automatic": {}}},
    ),
    "access secret": lambda a, p: a.secrets("GET", "secrets/none/versions/latest:access"),
    "get secret version": lambda a, p: a.secrets("GET", "secrets/none/versions/latest"),
}


def _role(role: str, rule: str, may: str, may_not: str) -> Any:
    page = role.removeprefix("roles/").partition(".")[0]
    source = f"{ROLES}/{page}#{role.removeprefix('roles/')}"
    return pytest.param(
        role, may.split(", "), may_not.split(", "), id=role, marks=pytest.mark.rule(rule, source)
    )


@pytest.mark.parametrize(
    ("role", "may", "may_not"),
    [
        _role(
            "roles/healthcare.dicomEditor",
            "healthcare.iam.dicom-editor",
            "search DICOM, store DICOM, delete DICOM, import DICOM, export DICOM, get operation, "
            "cancel operation, get dataset, get DICOM store",
            "list operations, create DICOM store, set DICOM store policy, read FHIR, patch dataset",
        ),
        _role(
            "roles/healthcare.dicomViewer",
            "healthcare.iam.dicom-viewer",
            "search DICOM, export DICOM, get operation",
            "store DICOM, delete DICOM, import DICOM, cancel operation",
        ),
        _role(
            "roles/healthcare.dicomStoreAdmin",
            "healthcare.iam.dicom-store-admin",
            "create DICOM store, set DICOM store policy, delete DICOM",
            "search DICOM, store DICOM, import DICOM, set dataset policy",
        ),
        _role(
            "roles/healthcare.dicomStoreViewer",
            "healthcare.iam.dicom-store-viewer",
            "get DICOM store, get dataset",
            "search DICOM, create DICOM store",
        ),
        _role(
            "roles/healthcare.datasetAdmin",
            "healthcare.iam.dataset-admin",
            "patch dataset, set dataset policy, list operations, cancel operation",
            "search DICOM, store DICOM, import DICOM, read FHIR, create DICOM store",
        ),
        _role(
            "roles/healthcare.datasetViewer",
            "healthcare.iam.dataset-viewer",
            "get dataset, get operation",
            "patch dataset, list operations, get DICOM store",
        ),
        _role(
            "roles/healthcare.fhirResourceEditor",
            "fhir.iam.resource-editor",
            "read FHIR, search FHIR, create FHIR, delete FHIR",
            "import FHIR, purge FHIR, create FHIR store, search DICOM",
        ),
        _role(
            "roles/healthcare.fhirResourceReader",
            "fhir.iam.resource-reader",
            "read FHIR, search FHIR",
            "create FHIR, delete FHIR",
        ),
        _role(
            "roles/healthcare.fhirStoreAdmin",
            "fhir.iam.store-admin",
            "import FHIR, purge FHIR, create FHIR store",
            "read FHIR, create FHIR, search FHIR",
        ),
        _role(
            "roles/storage.objectViewer",
            "storage.iam.object-viewer",
            "read object, list objects",
            "create object, delete object, get bucket, list buckets",
        ),
        _role(
            "roles/storage.objectCreator",
            "storage.iam.object-creator",
            "create object",
            "overwrite object, read object, list objects, delete object",
        ),
        _role(
            "roles/storage.objectUser",
            "storage.iam.object-user",
            "read object, list objects, create object, overwrite object, delete object",
            "get bucket, get bucket policy",
        ),
        _role(
            "roles/storage.objectAdmin",
            "storage.iam.object-admin",
            "read object, overwrite object, delete object",
            "list buckets, create bucket, get bucket policy",
        ),
        _role(
            "roles/storage.admin",
            "storage.iam.admin",
            "list buckets, create bucket, get bucket policy, read object, delete object",
            "list secrets, get dataset",
        ),
        _role(
            "roles/secretmanager.secretAccessor",
            "secretmanager.iam.accessor",
            "access secret",
            "list secrets, get secret version, create secret",
        ),
        _role(
            "roles/secretmanager.viewer",
            "secretmanager.iam.viewer",
            "list secrets, get secret version",
            "access secret, create secret",
        ),
    ],
)
def test_a_role_allows_what_its_page_lists_and_nothing_more(
    guarded: GuardedCloud, place: Place, role: str, may: list[str], may_not: list[str]
) -> None:
    attempts = Attempts(guarded.account(role), place)
    refused = [name for name in may if attempts.make(name).status_code == FORBIDDEN]
    assert refused == []
    passed = [name for name in may_not if attempts.make(name).status_code != FORBIDDEN]
    assert passed == []


@pytest.mark.rule(
    "localcloud.auth.basic-roles", "https://docs.cloud.google.com/iam/docs/roles-overview#basic"
)
def test_a_viewer_reads_and_an_editor_writes_but_only_an_owner_reads_secrets(
    guarded: GuardedCloud, place: Place
) -> None:
    viewer = Attempts(guarded.account("roles/viewer"), place)
    assert viewer.make("search DICOM").ok
    assert viewer.make("read object").ok
    assert viewer.make("store DICOM").status_code == FORBIDDEN
    editor = Attempts(guarded.account("roles/editor"), place)
    assert editor.make("create object").ok
    assert editor.make("access secret").status_code == FORBIDDEN
    assert editor.make("set dataset policy").status_code == FORBIDDEN
