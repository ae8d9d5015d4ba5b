"""dicomStores.deidentify and datasets.deidentify.

Source: https://cloud.google.com/healthcare-api/docs/reference/rest/v1/projects.locations.datasets/deidentify
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from localcloud.auth.caller import current
from localcloud.errors import GoogleError
from localcloud.healthcare.dicom.deidentify.config import config_uri, deidentifier_of
from localcloud.healthcare.dicom.deidentify.operation import (
    DATASET_RESPONSE,
    STORE_RESPONSE,
    Copying,
    Deidentification,
)
from localcloud.healthcare.dicom.index import Scope
from localcloud.healthcare.dicom.resource_paths import Selection
from localcloud.healthcare.dicom.workshop import Workshop
from localcloud.healthcare.object_names import ObjectUri
from localcloud.healthcare.resources import (
    Json,
    already_exists,
    check_name,
    dataset_of,
    given,
    invalid,
)
from localcloud.healthcare.stores import DICOM, FHIR
from localcloud.http.call import Call, Reply
from localcloud.http.service import serves

_DATASETS = "healthcare.projects.locations.datasets"
_SERVICE = "deidentify.DeidentifyService"


class DeidentifyMethods:
    """Both methods that de-identify DICOM."""

    def __init__(self, workshop: Workshop) -> None:
        self._shop = workshop

    @serves(f"{_DATASETS}.dicomStores.deidentify")
    def deidentify_store(self, call: Call) -> Reply:
        """Copy a store into another, which exists."""
        source, body = call.params["sourceStore"], given(call.json())
        destination = check_name(body.get("destinationStore", ""), DICOM.collection)
        self._check_source(source, destination)
        self._shop.resources.get(source)
        self._shop.resources.get(destination)
        current().require("healthcare.dicomStores.dicomWebWrite", destination)
        selection = Selection.of(Scope(source), body.get("filterConfig"))

        def prepare() -> Sequence[Copying]:
            return [Copying(selection, destination)]

        work = self._work(body, prepare, STORE_RESPONSE)
        method = f"{_SERVICE}.DeidentifyDicomStore"
        return Reply.json(self._shop.operations.start(source, method, work.run))

    @serves(f"{_DATASETS}.deidentify")
    def deidentify_dataset(self, call: Call) -> Reply:
        """Copy every DICOM store of a dataset into a dataset that does not exist yet."""
        source, body = call.params["sourceDataset"], given(call.json())
        destination = check_name(body.get("destinationDataset", ""), "datasets")
        self._check_source(source, destination)
        self._shop.resources.get(source)
        current().require("healthcare.datasets.create", destination.rpartition("/datasets/")[0])
        self._check_fhir(source)
        if self._shop.resources.exists(destination):
            raise already_exists("dataset", destination)

        def prepare() -> Sequence[Copying]:
            return self._copy_stores(source, destination)

        work = self._work(body, prepare, DATASET_RESPONSE)
        method = f"{_SERVICE}.DeidentifyDataset"
        return Reply.json(self._shop.operations.start(source, method, work.run))

    def _work(
        self, body: Json, prepare: Callable[[], Sequence[Copying]], response: Json
    ) -> Deidentification:
        config: Json | ObjectUri | None = config_uri(body)
        if config is None:
            config = body.get("config") or {}
            # What is wrong with it is told at once.
            deidentifier_of(config)
        shop = self._shop
        return Deidentification(
            config, prepare, response, shop.index, shop.blobs, shop.ingest, shop.objects
        )

    def _check_source(self, source: str, destination: str) -> None:
        if source == destination:
            raise invalid("the destination must not be the source")
        if source.split("/")[:4] != destination.split("/")[:4]:
            raise invalid("the source and the destination must be in the same project and location")
        if self._shop.resources.get(dataset_of(source)).get("encryptionSpec"):
            raise GoogleError(
                400,
                "FAILED_PRECONDITION",
                "a dataset that is encrypted with a customer-managed key cannot be de-identified",
            )

    def _check_fhir(self, dataset: str) -> None:
        resources = self._shop.resources
        for store in resources.children(dataset, FHIR.collection):
            if resources.has_contents(store["name"]):
                message = (
                    f"{store['name']} has FHIR resources, and the local cloud de-identifies DICOM"
                    " alone: de-identify the DICOM stores one by one with dicomStores.deidentify"
                )
                raise GoogleError.of(501, message)

    def _copy_stores(self, source: str, destination: str) -> list[Copying]:
        """Make the dataset and its stores; where they are notified of changes is not copied."""
        resources = self._shop.resources
        time_zone = {k: v for k, v in resources.get(source).items() if k == "timeZone"}
        location = destination.rpartition("/datasets/")[0]
        resources.create(location, "datasets", {"name": destination, **time_zone})
        copies = []
        for store in resources.children(source, DICOM.collection):
            name = f"{destination}/{DICOM.collection}/{store['name'].rpartition('/')[2]}"
            labels = {k: v for k, v in store.items() if k == "labels"}
            resources.create(destination, DICOM.collection, {"name": name, **labels})
            copies.append(Copying(Selection(Scope(store["name"])), name))
        return copies
