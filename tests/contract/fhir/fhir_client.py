"""FHIR through the official discovery client, for tests that look at status, headers and body."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import requests
from google.auth.credentials import AnonymousCredentials
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError

# Where the rules come from.
FHIR_METHODS = (
    "https://cloud.google.com/healthcare-api/docs/reference/rest/v1/"
    "projects.locations.datasets.fhirStores.fhir"
)
FHIR_STORES = (
    "https://cloud.google.com/healthcare-api/docs/reference/rest/v1/"
    "projects.locations.datasets.fhirStores"
)
CONFORMANCE = "https://cloud.google.com/healthcare-api/docs/fhir"
INTEGRITY = "https://cloud.google.com/healthcare-api/docs/concepts/fhir-referential-integrity"
PUBSUB = "https://cloud.google.com/healthcare-api/docs/fhir-pubsub"
RETRIES = (
    "https://cloud.google.com/healthcare-api/docs/best-practices-request-latency-error-handling"
)
THROUGHPUT = "https://cloud.google.com/healthcare-api/docs/best-practices-data-throughput"
TROUBLESHOOTING = (
    "https://cloud.google.com/healthcare-api/docs/troubleshooting"
    "#fhir_transaction_bundle_heavy_load"
)
REFERENCES = "https://cloud.google.com/healthcare-api/docs/concepts/fhir-references"
QUOTAS = "https://cloud.google.com/healthcare-api/quotas"
IMPORT = "https://cloud.google.com/healthcare-api/docs/concepts/fhir-import"
# What the local cloud promises beyond Google's documents.
DECISION = "docs/adr/0001-fhir-store-of-our-own.md"
HTTP = "https://hl7.org/fhir/R4/http.html"
SEARCH = "https://hl7.org/fhir/R4/search.html"

SYSTEM = "https://example.org/results"
_OPERATION_TIMEOUT_SECONDS = 30.0
_POLL_SECONDS = 0.02
_CONTENT_TYPE = "application/fhir+json;charset=utf-8"
_PARENT = "projects/fhir-contract/locations/us-central1/datasets/records"

Json = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """What came back, whether it was a success or not."""

    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def issue(self) -> Json:
        """The first issue of an OperationOutcome."""
        assert self.body["resourceType"] == "OperationOutcome", self.body
        return self.body["issue"][0]

    @property
    def resources(self) -> list[Json]:
        """The resources of a bundle."""
        return [entry["resource"] for entry in self.body.get("entry", [])]

    @property
    def ids(self) -> set[str]:
        return {resource["id"] for resource in self.resources}

    @property
    def statuses(self) -> list[str]:
        """The statuses of a response bundle."""
        return [entry["response"]["status"] for entry in self.body["entry"]]


class FhirClient:
    """Calls of one FHIR store; every method returns an `Answer`."""

    def __init__(self, endpoint: str, store: str) -> None:
        self.endpoint = endpoint
        self.store = store
        self.base = f"{endpoint}/v1/{store}/fhir"
        self.stores = _datasets(endpoint).fhirStores()
        self._fhir = self.stores.fhir()

    @classmethod
    def of_new_store(cls, endpoint: str, **configuration: Any) -> FhirClient:
        """Create a FHIR store, and the data set all stores are in."""
        datasets = _datasets(endpoint)
        parent, _, dataset_id = _PARENT.rpartition("/datasets/")
        try:
            datasets.create(parent=parent, datasetId=dataset_id, body={}).execute()
        except HttpError as error:
            if error.resp.status != 409:
                raise
        body = {"version": "R4", **configuration}
        request = datasets.fhirStores().create(
            parent=_PARENT, fhirStoreId=f"s-{uuid.uuid4()}", body=body
        )
        return cls(endpoint, request.execute()["name"])

    def clone(self) -> FhirClient:
        """Return a client of the same store for another thread."""
        return FhirClient(self.endpoint, self.store)

    def name(self, reference: str) -> str:
        return f"{self.store}/fhir/{reference}"

    def create(self, resource: Json, **headers: str) -> Answer:
        request = self._fhir.create(parent=self.store, type=resource["resourceType"], body=resource)
        return _run(request, headers)

    def make(self, resource: Json) -> str:
        """Create a resource that must be taken, and return the reference to it."""
        answer = self.create(resource)
        assert answer.status == 201, answer.body
        return f"{resource['resourceType']}/{answer.body['id']}"

    def read(self, reference: str, **headers: str) -> Answer:
        return _run(self._fhir.read(name=self.name(reference)), headers)

    def vread(self, reference: str, version: str) -> Answer:
        return _run(self._fhir.vread(name=self.name(f"{reference}/_history/{version}")))

    def history(self, reference: str, **parameters: Any) -> Answer:
        """List versions; the generic client spells ``_count`` as ``x_count``."""
        return _run(self._fhir.history(name=self.name(reference), **parameters))

    def update(self, resource: Json, **headers: str) -> Answer:
        reference = f"{resource['resourceType']}/{resource['id']}"
        return _run(self._fhir.update(name=self.name(reference), body=resource), headers)

    def conditional_update(self, resource: Json, query: Mapping[str, str]) -> Answer:
        request = self._fhir.conditionalUpdate(
            parent=self.store, type=resource["resourceType"], body=resource
        )
        return _run(request, query=query)

    def patch(self, reference: str, operations: Sequence[Json], **headers: str) -> Answer:
        headers = {"content_type": "application/json-patch+json"} | headers
        return _run(self._fhir.patch(name=self.name(reference), body=operations), headers)

    def conditional_patch(
        self, resource_type: str, operations: Sequence[Json], query: Mapping[str, str]
    ) -> Answer:
        request = self._fhir.conditionalPatch(
            parent=self.store, type=resource_type, body=operations
        )
        return _run(request, {"content_type": "application/json-patch+json"}, query)

    def delete(self, reference: str) -> Answer:
        return _run(self._fhir.delete(name=self.name(reference)))

    def conditional_delete(self, resource_type: str, query: Mapping[str, str]) -> Answer:
        return _run(
            self._fhir.conditionalDelete(parent=self.store, type=resource_type), query=query
        )

    def bundle(self, kind: str, *entries: Json) -> Answer:
        body = {"resourceType": "Bundle", "type": kind, "entry": list(entries)}
        return _run(self._fhir.executeBundle(parent=self.store, body=body))

    def transaction(self, *entries: Json) -> Answer:
        return self.bundle("transaction", *entries)

    def post_search(self, resource_type: str, **parameters: str) -> Answer:
        request = self._fhir.search_type(parent=self.store, resourceType=resource_type)
        return _run(request, query=parameters)

    def search(
        self, resource_type: str = "", query: Mapping[str, Any] | None = None, **headers: str
    ) -> Answer:
        """GET search: the API has it, the discovery document does not."""
        url = f"{self.base}/{resource_type}" if resource_type else self.base
        return self.get(url, query, **headers)

    def get(self, url: str, query: Mapping[str, Any] | None = None, **headers: str) -> Answer:
        answer = requests.get(url, params=query, headers=_wire(headers), timeout=30)
        return Answer(answer.status_code, answer.headers, answer.json())

    def everything(self, patient_id: str, **parameters: Any) -> Answer:
        return _run(
            self._fhir.Patient_everything(name=self.name(f"Patient/{patient_id}"), **parameters)
        )

    def metadata(self) -> Answer:
        return _run(self._fhir.capabilities(name=self.store))

    def validate(self, resource: Json, resource_type: str, **parameters: str) -> Answer:
        return _run(
            self._fhir.Resource_validate(
                parent=self.store, type=resource_type, body=resource, **parameters
            )
        )

    def post(self, path: str, body: bytes, **headers: str) -> requests.Response:
        """Send bytes as they are, for requests that no client would make."""
        headers = {"Content-Type": "application/fhir+json"} | _wire(headers)
        return requests.post(f"{self.base}{path}", data=body, headers=headers, timeout=60)

    def operation(self, method: str, **body: Any) -> Json:
        """Start an operation of the store and return it when it is done."""
        started = getattr(self.stores, method)(name=self.store, body=body).execute()
        return self.wait(started)

    def wait(self, operation: Json) -> Json:
        """Poll an operation until it is done."""
        operations = _datasets(self.endpoint).operations()
        deadline = time.monotonic() + _OPERATION_TIMEOUT_SECONDS
        while not (state := operations.get(name=operation["name"]).execute()).get("done"):
            assert time.monotonic() < deadline, f"{operation['name']} does not end"
            time.sleep(_POLL_SECONDS)
        return state

    def purge(self, reference: str) -> Answer:
        return _run(self._fhir.Resource_purge(name=self.name(reference)))


def _datasets(endpoint: str) -> Any:
    api = build(
        "healthcare",
        "v1",
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": endpoint},
        static_discovery=True,
    )
    return api.projects().locations().datasets()


def _wire(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def _run(
    request: Any, headers: Mapping[str, str] = {}, query: Mapping[str, str] | None = None
) -> Answer:
    # The generic client calls a body application/json; FHIR methods require their own type.
    if request.body is not None:
        request.headers["content-type"] = _CONTENT_TYPE
    request.headers.update(_wire(headers))
    if query:
        request.uri += ("&" if "?" in request.uri else "?") + urlencode(query)
    seen: list[Any] = []
    request.add_response_callback(seen.append)
    try:
        body = request.execute()
    except HttpError as error:
        return Answer(error.resp.status, error.resp, json.loads(error.content or b"null"))
    return Answer(seen[0].status, seen[0], body)


def identifier(value: str, system: str = SYSTEM) -> Json:
    return {"identifier": [{"system": system, "value": value}]}


def unique() -> str:
    return uuid.uuid4().hex


def patient(value: str | None = None, **elements: Any) -> Json:
    return {"resourceType": "Patient", **identifier(value or unique()), **elements}


def observation(value: str | None = None, **elements: Any) -> Json:
    return {
        "resourceType": "Observation",
        "status": "preliminary",
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "27925004"}]},
        **identifier(value or unique()),
        **elements,
    }


def refer(reference: str) -> Json:
    return {"reference": reference}


def entry(verb: str, url: str, resource: Json | None = None, **request: str) -> Json:
    """Return a bundle entry; ``full_url`` names it for references of other entries."""
    full_url = request.pop("full_url", None)
    made: Json = {"request": {"method": verb, "url": url, **request}}
    made |= {"resource": resource} if resource is not None else {}
    return made | ({"fullUrl": full_url} if full_url else {})


def urn() -> str:
    return f"urn:uuid:{uuid.uuid4()}"
