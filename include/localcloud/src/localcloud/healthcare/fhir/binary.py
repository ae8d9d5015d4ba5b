"""Binary resources: raw bytes in, raw bytes out, or a FHIR resource when the client asks for one.

Source: fhir.Binary-create, -read, -update and -vread of healthcare.v1 and
https://hl7.org/fhir/R4/binary.html#rest
"""

from __future__ import annotations

import base64

from localcloud.errors import GoogleError
from localcloud.healthcare.fhir import interactions
from localcloud.healthcare.fhir.definitions import Json
from localcloud.healthcare.fhir.interactions import Conditions, Written
from localcloud.healthcare.fhir.methods import FHIR, current, stored_version
from localcloud.healthcare.fhir.settings import StoreSettings
from localcloud.healthcare.fhir.stores import FhirStores
from localcloud.healthcare.fhir.validation import check_resource
from localcloud.healthcare.fhir.wire import (
    FHIR_JSON,
    FhirPath,
    answers_outcomes,
    body_of,
    resource_reply,
    version_headers,
)
from localcloud.http.call import Call, Reply
from localcloud.http.service import serves

# Google takes 1 GB; here the data are in memory several times over while they are written.
MAX_BINARY_BYTES = 100 << 20


class BinaryMethods:
    """Binary-create, Binary-read, Binary-update and Binary-vread."""

    def __init__(self, stores: FhirStores) -> None:
        self._stores = stores

    @serves(f"{FHIR}.Binary-create", open_query=True)
    @answers_outcomes
    def create(self, call: Call) -> Reply:
        settings = self._stores.settings(call.params["parent"], call.base_url)
        resource, raw = self._resource(call, settings)
        conditions = Conditions.of_headers(call.headers)
        written = self._stores.write(
            settings, lambda work: interactions.create(work, resource, conditions)
        )
        return _written(written, settings, raw)

    @serves(f"{FHIR}.Binary-update", open_query=True)
    @answers_outcomes
    def update(self, call: Call) -> Reply:
        path = FhirPath.parse(call.params["name"])
        settings = self._stores.settings(path.store, call.base_url)
        resource, raw = self._resource(call, settings)
        if raw:
            resource["id"] = path.id
        conditions = Conditions.of_headers(call.headers)
        written = self._stores.write(
            settings, lambda work: interactions.update(work, resource, path.id, conditions)
        )
        return _written(written, settings, raw)

    @serves(f"{FHIR}.Binary-read", open_query=True)
    @answers_outcomes
    def read(self, call: Call) -> Reply:
        path = FhirPath.parse(call.params["name"])
        settings = self._stores.settings(path.store, call.base_url)
        return _reply(call, current(self._stores, settings, path).resource, settings)

    @serves(f"{FHIR}.Binary-vread", open_query=True)
    @answers_outcomes
    def vread(self, call: Call) -> Reply:
        path = FhirPath.parse(call.params["name"])
        settings = self._stores.settings(path.store, call.base_url)
        return _reply(call, stored_version(self._stores, settings, path), settings)

    def _resource(self, call: Call, settings: StoreSettings) -> tuple[Json, bool]:
        """Return the Binary that a request brings, and whether it came as raw bytes.

        A resource of another type is raw bytes too, as the reference says.
        """
        content_type = call.headers.get("content-type", "application/octet-stream")
        if content_type.startswith(FHIR_JSON):
            document = body_of(call)
            if not isinstance(document, dict) or document.get("resourceType") == "Binary":
                definitions = self._stores.definitions
                return check_resource(document, definitions, settings.checks, settings.base), False
        if len(call.payload) > MAX_BINARY_BYTES:
            message = f"Request payload size exceeds the limit: {MAX_BINARY_BYTES} bytes."
            raise GoogleError.of(413, message)
        resource: Json = {
            "resourceType": "Binary",
            "contentType": content_type,
            "data": base64.b64encode(call.body).decode(),
        }
        if context := call.headers.get("x-security-context"):
            resource["securityContext"] = {"reference": context}
        definitions = self._stores.definitions
        return check_resource(resource, definitions, settings.checks, settings.base), True


def _written(written: Written, settings: StoreSettings, raw: bool) -> Reply:
    resource = written.resource or {}
    if not raw:
        return resource_reply(resource, written.status, settings.base)
    address = f"{settings.base}/Binary/{resource['id']}/_history/{resource['meta']['versionId']}"
    return Reply(written.status, headers={**version_headers(resource), "Location": address})


def _reply(call: Call, resource: Json, settings: StoreSettings) -> Reply:
    if FHIR_JSON in call.headers.get("accept", ""):
        return resource_reply(resource, 200, settings.base)
    data = base64.b64decode(resource.get("data") or "")
    content_type = resource.get("contentType") or "application/octet-stream"
    return Reply(200, data, content_type, version_headers(resource))
