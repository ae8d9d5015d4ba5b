"""The FHIR methods of the Healthcare API on single resources.

Source: projects.locations.datasets.fhirStores.fhir of the healthcare.v1 discovery document
"""

from __future__ import annotations

from collections.abc import Callable
from email.utils import parsedate_to_datetime

from localcloud.healthcare.fhir import interactions
from localcloud.healthcare.fhir.capabilities import capability_statement
from localcloud.healthcare.fhir.criteria import criterion_of
from localcloud.healthcare.fhir.definitions import Json
from localcloud.healthcare.fhir.interactions import Conditions, Written, tags
from localcloud.healthcare.fhir.outcomes import (
    FhirError,
    deleted,
    invalid_resource,
    not_found,
)
from localcloud.healthcare.fhir.profiles import Profiles
from localcloud.healthcare.fhir.records import Record, purge
from localcloud.healthcare.fhir.settings import StoreSettings
from localcloud.healthcare.fhir.stores import FhirStores
from localcloud.healthcare.fhir.temporal import from_microseconds
from localcloud.healthcare.fhir.validation import Checks, check_resource
from localcloud.healthcare.fhir.wire import (
    JSON_PATCH,
    FhirPath,
    answers_outcomes,
    body_of,
    fhir_reply,
    resource_reply,
    version_headers,
)
from localcloud.healthcare.fhir.work import Work
from localcloud.http.call import Call, Query, Reply
from localcloud.http.service import serves

FHIR = "healthcare.projects.locations.datasets.fhirStores.fhir"
# Common parameters of every Google API; they are no search criteria.
COMMON_PARAMETERS = frozenset(
    {"alt", "$alt", "key", "prettyPrint", "$prettyPrint", "fields", "quotaUser", "access_token"}
)


def fhir_parameters(query: Query) -> list[tuple[str, str]]:
    """Return the query parameters that belong to FHIR."""
    return [(name, value) for name, value in query.items() if name not in COMMON_PARAMETERS]


class ReadMethods:
    """capabilities, read and vread."""

    def __init__(self, stores: FhirStores) -> None:
        self._stores = stores

    @serves(f"{FHIR}.capabilities", open_query=True)
    @answers_outcomes
    def capabilities(self, call: Call) -> Reply:
        settings = self._stores.settings(call.params["name"], call.base_url)
        return fhir_reply(capability_statement(settings, self._stores.definitions))

    @serves(f"{FHIR}.read", open_query=True)
    @answers_outcomes
    def read(self, call: Call) -> Reply:
        path = FhirPath.parse(call.params["name"])
        settings = self._stores.settings(path.store, call.base_url)
        record = current(self._stores, settings, path)
        if _unchanged(call, record):
            return Reply(304, headers=version_headers(record.resource))
        return resource_reply(record.resource, 200, settings.base)

    @serves(f"{FHIR}.vread", open_query=True)
    @answers_outcomes
    def vread(self, call: Call) -> Reply:
        path = FhirPath.parse(call.params["name"])
        settings = self._stores.settings(path.store, call.base_url)
        return resource_reply(stored_version(self._stores, settings, path), 200, settings.base)


class WriteMethods:
    """create, update, patch and delete, by id and by identifier."""

    def __init__(self, stores: FhirStores) -> None:
        self._stores = stores

    @serves(f"{FHIR}.create", open_query=True)
    @answers_outcomes
    def create(self, call: Call) -> Reply:
        settings, resource = self._resource(call)
        conditions = Conditions.of_headers(call.headers)
        return self._write(settings, lambda work: interactions.create(work, resource, conditions))

    @serves(f"{FHIR}.update", open_query=True)
    @answers_outcomes
    def update(self, call: Call) -> Reply:
        path = FhirPath.parse(call.params["name"])
        settings, resource = self._resource(call, path.store, path.type)
        conditions = Conditions.of_headers(call.headers)
        return self._write(
            settings, lambda work: interactions.update(work, resource, path.id, conditions)
        )

    @serves(f"{FHIR}.conditionalUpdate", open_query=True)
    @answers_outcomes
    def conditional_update(self, call: Call) -> Reply:
        settings, resource = self._resource(call)
        criterion = criterion_of(fhir_parameters(call.query))
        conditions = Conditions.of_headers(call.headers)
        return self._write(
            settings,
            lambda work: interactions.conditional_update(work, resource, criterion, conditions),
        )

    @serves(f"{FHIR}.patch", open_query=True)
    @answers_outcomes
    def patch(self, call: Call) -> Reply:
        path = FhirPath.parse(call.params["name"])
        settings = self._stores.settings(path.store, call.base_url)
        operations = body_of(call, JSON_PATCH)
        conditions = Conditions.of_headers(call.headers)
        return self._write(
            settings,
            lambda work: interactions.patch(work, path.type, path.id, operations, conditions),
        )

    @serves(f"{FHIR}.conditionalPatch", open_query=True)
    @answers_outcomes
    def conditional_patch(self, call: Call) -> Reply:
        settings = self._stores.settings(call.params["parent"], call.base_url)
        resource_type = known_type(self._stores, call.params["type"])
        criterion = criterion_of(fhir_parameters(call.query))
        operations = body_of(call, JSON_PATCH)
        conditions = Conditions.of_headers(call.headers)
        return self._write(
            settings,
            lambda work: interactions.conditional_patch(
                work, resource_type, criterion, operations, conditions
            ),
        )

    @serves(f"{FHIR}.delete", open_query=True)
    @answers_outcomes
    def delete(self, call: Call) -> Reply:
        path = FhirPath.parse(call.params["name"])
        settings = self._stores.settings(path.store, call.base_url)
        known_type(self._stores, path.type)
        conditions = Conditions.of_headers(call.headers)
        return self._write(
            settings, lambda work: interactions.delete(work, path.type, path.id, conditions)
        )

    @serves(f"{FHIR}.conditionalDelete", open_query=True)
    @answers_outcomes
    def conditional_delete(self, call: Call) -> Reply:
        settings = self._stores.settings(call.params["parent"], call.base_url)
        resource_type = known_type(self._stores, call.params["type"])
        criterion = criterion_of(fhir_parameters(call.query))
        return self._write(
            settings, lambda work: interactions.conditional_delete(work, resource_type, criterion)
        )

    @serves(f"{FHIR}.Resource-validate", open_query=True)
    @answers_outcomes
    def validate(self, call: Call) -> Reply:
        settings = self._stores.settings(call.params["parent"], call.base_url)
        resource = body_of(call)
        check_resource(resource, self._stores.definitions, Checks(), settings.base)
        _check_type(resource, call.params["type"])
        profiles = Profiles(settings.name, self._stores.query)
        if url := call.query.get("profile"):
            profiles.check(resource, url)
        else:
            profiles.check_claimed(resource)
            profiles.check_guides(resource, settings.checks.guides)
        issue = {"severity": "information", "code": "informational", "diagnostics": "success"}
        return fhir_reply({"issue": [issue], "resourceType": "OperationOutcome"})

    @serves(f"{FHIR}.Resource-purge", open_query=True)
    @answers_outcomes
    def purge(self, call: Call) -> Reply:
        path = FhirPath.parse(call.params["name"])
        settings = self._stores.settings(path.store, call.base_url)
        record = self._stores.records(settings).get(path.type, path.id)
        if record is None:
            raise not_found(f"{path.type}/{path.id}")
        self._stores.change(lambda tx: purge(tx, record))
        return Reply.json({})

    def _resource(
        self, call: Call, store: str = "", resource_type: str = ""
    ) -> tuple[StoreSettings, Json]:
        settings = self._stores.settings(store or call.params["parent"], call.base_url)
        expected = known_type(self._stores, resource_type or call.params["type"])
        resource = check_resource(
            body_of(call), self._stores.definitions, settings.checks, settings.base
        )
        _check_type(resource, expected)
        return settings, resource

    def _write(self, settings: StoreSettings, run: Callable[[Work], Written]) -> Reply:
        written = self._stores.write(settings, run)
        if written.resource is None:
            return fhir_reply({})
        return resource_reply(written.resource, written.status, settings.base)


def known_type(stores: FhirStores, name: str) -> str:
    """Return a resource type's name.

    Raises
    ------
    FhirError
        400 when R4 has no such type.
    """
    if name not in stores.definitions.resource_types:
        raise FhirError(400, "not-supported", "bad_resource_type", "unsupported resource type")
    return name


def current(stores: FhirStores, settings: StoreSettings, path: FhirPath) -> Record:
    """Return the live resource at a path.

    Raises
    ------
    FhirError
        404 when it never existed, 410 when it was deleted.
    """
    known_type(stores, path.type)
    record = stores.records(settings).get(path.type, path.id)
    if record is None or record.deleted:
        name = f"{path.type}/{path.id}"
        raise deleted(name) if record else not_found(name)
    return record


def stored_version(stores: FhirStores, settings: StoreSettings, path: FhirPath) -> Json:
    """Return the version of a resource that a path names.

    Raises
    ------
    FhirError
        404 when there is no such version, 410 when it is a deletion.
    """
    records = stores.records(settings)
    record = records.get(path.type, path.id)
    version = records.version(record.key, path.version) if record else None
    name = f"{path.type}/{path.id}/_history/{path.version}"
    if version is None:
        raise not_found(name)
    if version.resource is None:
        raise deleted(name)
    return version.resource


def _check_type(resource: Json, expected: str) -> None:
    if resource["resourceType"] != expected:
        raise invalid_resource(
            "value", "the resourceType in the body must be the type in the path", "Resource"
        )


def _unchanged(call: Call, record: Record) -> bool:
    if header := call.headers.get("if-none-match"):
        return record.version_id in tags(header)
    if since := call.headers.get("if-modified-since"):
        try:
            moment = parsedate_to_datetime(since)
        except ValueError:
            return False
        return from_microseconds(record.version).replace(microsecond=0) <= moment
    return False
