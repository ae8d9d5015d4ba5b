"""Locations and datasets.

Source: https://cloud.google.com/healthcare-api/docs/reference/rest/v1/projects.locations.datasets
"""

from __future__ import annotations

import re
import zoneinfo

from localcloud.healthcare.operations import Operations
from localcloud.healthcare.resources import (
    Json,
    given,
    invalid,
    merge_masked,
    not_found,
    page,
    present,
    required_id,
)
from localcloud.healthcare.stores import Resources
from localcloud.http.call import Call, Reply
from localcloud.http.service import serves

_LOCATIONS = "healthcare.projects.locations"
_DATASETS = f"{_LOCATIONS}.datasets"
_COLLECTION = "datasets"
_MUTABLE = frozenset({"timeZone"})
_SETTABLE = _MUTABLE | {"encryptionSpec"}
_KEY_NAME = re.compile(r"projects/[^/]+/locations/([^/]+)/keyRings/[^/]+/cryptoKeys/[^/]+")
# Where a key lies is named differently for the multi-region of Europe.
# Source: https://cloud.google.com/healthcare-api/docs/cmek
_KEY_LOCATIONS = {"eu": "europe"}
_DATASET_TYPE = "type.googleapis.com/google.cloud.healthcare.v1.dataset.Dataset"

# The multi-regions and regions a client is likely to name; nothing is stored in them here.
# Source: https://cloud.google.com/healthcare-api/docs/concepts/regions
LOCATIONS = (
    "asia-northeast1",
    "asia-south1",
    "asia-southeast1",
    "australia-southeast1",
    "eu",
    "europe-west1",
    "europe-west2",
    "europe-west3",
    "europe-west4",
    "europe-west6",
    "northamerica-northeast1",
    "southamerica-east1",
    "us",
    "us-central1",
    "us-east1",
    "us-east4",
    "us-west1",
    "us-west2",
)


class LocationMethods:
    """locations.get and list."""

    @serves(f"{_LOCATIONS}.get")
    def get(self, call: Call) -> Reply:
        name = call.params["name"]
        location = name.split("/")[-1]
        if location not in LOCATIONS:
            raise not_found("location", name)
        return Reply.json(_location(name.split("/")[1], location))

    @serves(f"{_LOCATIONS}.list")
    def list(self, call: Call) -> Reply:
        project = call.params["name"].split("/")[1]
        ids, token = page(call, LOCATIONS)
        body = {
            "locations": [_location(project, location) for location in ids],
            "nextPageToken": token,
        }
        return Reply.json(present(body))


class DatasetMethods:
    """datasets.create (an operation that is done at once), get, list, patch and delete."""

    def __init__(self, resources: Resources, operations: Operations) -> None:
        self._resources = resources
        self._operations = operations

    @serves(f"{_DATASETS}.create")
    def create(self, call: Call) -> Reply:
        parent = call.params["parent"]
        if parent.split("/")[-1] not in LOCATIONS:
            raise not_found("location", parent)
        name = f"{parent}/datasets/{required_id(call, 'datasetId')}"
        # What is output only is ignored, as it is in every Google API.
        body = {key: value for key, value in given(call.json()).items() if key in _SETTABLE}
        body["name"] = name
        _check_time_zone(body)
        _check_key(body)
        created = self._resources.create(parent, _COLLECTION, body)
        response = {"@type": _DATASET_TYPE, **created}
        api_method = "dataset.DatasetService.CreateDataset"
        return Reply.json(self._operations.finished(created["name"], api_method, response))

    @serves(f"{_DATASETS}.get")
    def get(self, call: Call) -> Reply:
        return Reply.json(self._resources.get(call.params["name"]))

    @serves(f"{_DATASETS}.list")
    def list(self, call: Call) -> Reply:
        datasets = {
            dataset["name"]: dataset
            for dataset in self._resources.children(call.params["parent"], _COLLECTION)
        }
        names, token = page(call, list(datasets))
        body = {"datasets": [datasets[name] for name in names], "nextPageToken": token}
        return Reply.json(present(body))

    @serves(f"{_DATASETS}.patch")
    def patch(self, call: Call) -> Reply:
        def edit(current: Json) -> Json:
            merged = merge_masked(call, current, given(call.json()), _MUTABLE)
            _check_time_zone(merged)
            return merged

        return Reply.json(self._resources.change(call.params["name"], edit))

    @serves(f"{_DATASETS}.delete")
    def delete(self, call: Call) -> Reply:
        self._resources.delete(call.params["name"])
        return Reply.json({})


def _check_time_zone(body: Json) -> None:
    name = body.get("timeZone")
    known = zoneinfo.available_timezones()
    # A machine without the tz database cannot tell a good name from a bad one.
    if name and known and name not in known:
        raise invalid(f"invalid time_zone {name!r}: give an IANA name such as America/New_York")


def _check_key(body: Json) -> None:
    """Check a customer-managed key by its name; nothing is encrypted with it here."""
    if "encryptionSpec" not in body:
        return
    match = _KEY_NAME.fullmatch(body["encryptionSpec"].get("kmsKeyName") or "")
    location = body["name"].split("/")[3]
    if match is None:
        raise invalid("invalid encryption_spec.kms_key_name: want the full name of a CryptoKey")
    if match[1] != _KEY_LOCATIONS.get(location, location):
        raise invalid(f"encryption_spec.kms_key_name must be in the dataset's location {location}")


def _location(project: str, location: str) -> Json:
    return {"name": f"projects/{project}/locations/{location}", "locationId": location}
