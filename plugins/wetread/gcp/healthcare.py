"""Cloud Healthcare API v1: datasets, stores and long-running operations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wetread.core.errors import problem
from wetread.gcp.http import HttpApi, json_body
from wetread.gcp.retries import RETRY, translated


@dataclass(frozen=True)
class DatasetPath:
    """The resource name of a dataset."""

    project: str
    location: str
    dataset: str

    @property
    def parent(self) -> str:
        return f"projects/{self.project}/locations/{self.location}"

    def __str__(self) -> str:
        return f"{self.parent}/datasets/{self.dataset}"

    def dicom_store(self, name: str) -> str:
        return f"{self}/dicomStores/{name}"

    def fhir_store(self, name: str) -> str:
        return f"{self}/fhirStores/{name}"


@dataclass(frozen=True)
class Operation:
    """A long-running operation; counters that are absent count as zero."""

    name: str
    done: bool
    success: int
    failure: int
    error_code: int | None


class HealthcareClient:
    """Administration of datasets and stores, imports and operations."""

    def __init__(self, api: HttpApi) -> None:
        self._api = api

    def create_dataset(self, path: DatasetPath) -> bool:
        """Create the dataset and wait until it is there; return whether it is new.

        Raises
        ------
        RetriableError
            ``service-unavailable``: the operation that creates it takes too long.
        """
        call, subject = "healthcare.datasets.create", f"dataset {path.dataset}"
        response = self._api.send(
            "POST",
            f"{path.parent}/datasets",
            params={"datasetId": path.dataset},
            json={"timeZone": "UTC"},
            call=call,
            subject=subject,
            accept_status=(200, 409),
        )
        if response.status_code == 409:
            return False
        name = str(json_body(response, call, subject)["name"])

        def finished() -> None:
            if not self.operation(name, subject).done:
                raise problem("service-unavailable", f"{call} goes on for {subject}.")

        with translated(call, subject):
            RETRY(finished)()
        return True

    def create_store(
        self, path: DatasetPath, kind: str, name: str, body: Mapping[str, Any]
    ) -> bool:
        """Create a store of ``kind`` ``dicomStores`` or ``fhirStores``; return whether it is new.

        A store that exists is patched to ``body``, except for what Google makes immutable.
        """
        subject = f"{kind} {name}"
        response = self._api.send(
            "POST",
            f"{path}/{kind}",
            params={f"{kind.removesuffix('s')}Id": name},
            json=dict(body),
            call=f"healthcare.{kind}.create",
            subject=subject,
            accept_status=(200, 409),
        )
        if response.status_code == 200:
            return True
        mutable = {key: value for key, value in body.items() if key not in _IMMUTABLE}
        if mutable:
            self._api.send(
                "PATCH",
                f"{path}/{kind}/{name}",
                params={"updateMask": ",".join(mutable)},
                json=mutable,
                call=f"healthcare.{kind}.patch",
                subject=subject,
            )
        return False

    def get_store(self, path: DatasetPath, kind: str, name: str) -> dict[str, Any]:
        """Return a store's configuration."""
        call, subject = f"healthcare.{kind}.get", f"{kind} {name}"
        response = self._api.send("GET", f"{path}/{kind}/{name}", call=call, subject=subject)
        return dict(json_body(response, call, subject))

    def import_dicom(self, dicom_store: str, uri: str, subject: str) -> str:
        """Start importing the objects of a ``gs://`` URI; return the operation's name."""
        call = "healthcare.dicomStores.import"
        response = self._api.send(
            "POST",
            f"{dicom_store}:import",
            json={"gcsSource": {"uri": uri}},
            call=call,
            subject=subject,
        )
        return str(json_body(response, call, subject)["name"])

    def operation(self, name: str, subject: str) -> Operation:
        """Return the state of an operation.

        ``done`` is not success: an operation may end with an error after importing a part
        (Cloud Healthcare API, "Managing long-running operations").
        """
        call = "healthcare.operations.get"
        response = self._api.send("GET", name, call=call, subject=subject)
        body = json_body(response, call, subject)
        counter = body.get("metadata", {}).get("counter", {})
        error = body.get("error")
        return Operation(
            name=name,
            done=bool(body.get("done")),
            success=int(counter.get("success", 0)),
            failure=int(counter.get("failure", 0)),
            error_code=int(error.get("code", 2)) if error else None,
        )


_IMMUTABLE = frozenset({"version", "disableReferentialIntegrity", "disableResourceVersioning"})
"""FHIR store fields that cannot be patched (healthcare.v1 discovery document, FhirStore)."""
