"""The FHIR methods of the Healthcare API that answer with bundles.

Source: projects.locations.datasets.fhirStores.fhir of the healthcare.v1 discovery document
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from urllib.parse import unquote

from localcloud.contract.discovery import Route
from localcloud.healthcare.fhir.binary import BinaryMethods
from localcloud.healthcare.fhir.bulk_export import BulkExportMethods
from localcloud.healthcare.fhir.bundles import (
    claims_of,
    error_entry,
    response_entry,
    run_entry,
    run_transaction,
)
from localcloud.healthcare.fhir.definitions import Json
from localcloud.healthcare.fhir.entries import (
    Entry,
    entries_of,
    parse_request,
    with_payload,
)
from localcloud.healthcare.fhir.everything import Everything
from localcloud.healthcare.fhir.history import history_bundle
from localcloud.healthcare.fhir.interactions import Written
from localcloud.healthcare.fhir.jobs import FhirJobMethods
from localcloud.healthcare.fhir.lag import is_synchronous
from localcloud.healthcare.fhir.methods import (
    FHIR,
    ReadMethods,
    WriteMethods,
    fhir_parameters,
)
from localcloud.healthcare.fhir.outcomes import FhirError, not_supported, unparseable
from localcloud.healthcare.fhir.permissions import require_permission
from localcloud.healthcare.fhir.search import Searcher
from localcloud.healthcare.fhir.search_query import parse_search
from localcloud.healthcare.fhir.settings import StoreSettings
from localcloud.healthcare.fhir.stores import FhirStores
from localcloud.healthcare.fhir.wire import (
    MAX_BUNDLE_BYTES,
    FhirPath,
    answers_outcomes,
    body_of,
    fhir_reply,
)
from localcloud.healthcare.fhir.work import Work
from localcloud.healthcare.operations import Operations
from localcloud.http.call import Call, Reply
from localcloud.http.service import serves
from localcloud.objects import CloudObjects

# The document lists only the POST forms of search; its text describes these too.
_SEARCH_BY_GET = re.compile(
    r"/v1/(?P<parent>projects/[^/]+/locations/[^/]+/datasets/[^/]+/fhirStores/[^/]+)"
    r"/fhir(/(?P<resourceType>[A-Za-z]+)?)?"
)
_HANDLING = re.compile(r"handling=(strict|lenient)")


class SearchMethods:
    """search by GET and POST, history, and everything of a patient."""

    def __init__(self, stores: FhirStores) -> None:
        self._stores = stores

    def route(self, verb: str, raw_path: str) -> Route | None:
        """Resolve ``GET …/fhir`` and ``GET …/fhir/Type``, which the document does not list."""
        match = _SEARCH_BY_GET.fullmatch(raw_path) if verb == "GET" else None
        if match is None:
            return None
        params = {name: unquote(value) for name, value in match.groupdict().items() if value}
        method = "search-type" if "resourceType" in params else "search"
        return Route(f"{FHIR}.{method}", params)

    @serves(f"{FHIR}.search", f"{FHIR}.search-type", open_query=True)
    @answers_outcomes
    def search(self, call: Call) -> Reply:
        settings = self._stores.settings(call.params["parent"], call.base_url)
        resource_type = call.params.get("resourceType") or call.query.get("resourceType")
        pairs = [item for item in fhir_parameters(call.query) if item[0] != "resourceType"]
        if "form-urlencoded" in call.headers.get("content-type", "") and call.payload:
            raise not_supported("search parameters go in the query string, for POST too")
        definitions = self._stores.definitions
        search = parse_search(resource_type, pairs, definitions, strict=_strict(call, settings))
        path = f"/{resource_type}" if resource_type else ""
        view = self._stores.view(synchronous=is_synchronous(pairs))
        searcher = Searcher(settings, definitions, self._stores.query, view)
        return fhir_reply(searcher.run(search, path, pairs))

    @serves(f"{FHIR}.history", open_query=True)
    @answers_outcomes
    def history(self, call: Call) -> Reply:
        path = FhirPath.parse(call.params["name"])
        settings = self._stores.settings(path.store, call.base_url)
        pairs = fhir_parameters(call.query)
        return fhir_reply(
            history_bundle(settings, self._stores.records(settings), path.type, path.id, pairs)
        )

    @serves(f"{FHIR}.Patient-everything", open_query=True)
    @answers_outcomes
    def everything(self, call: Call) -> Reply:
        path = FhirPath.parse(call.params["name"])
        settings = self._stores.settings(path.store, call.base_url)
        everything = Everything(settings, self._stores.definitions, self._stores.query)
        return fhir_reply(everything.run(path.id, fhir_parameters(call.query)))


class BundleMethods:
    """executeBundle."""

    def __init__(self, stores: FhirStores) -> None:
        self._stores = stores

    @serves(f"{FHIR}.executeBundle", open_query=True)
    @answers_outcomes
    def execute(self, call: Call) -> Reply:
        settings = self._stores.settings(call.params["parent"], call.base_url)
        bundle = body_of(call, limit=MAX_BUNDLE_BYTES)
        if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle":
            raise unparseable("want a Bundle: POST a single resource to its type")
        representation = "return=representation" in call.headers.get("prefer", "")
        raw = entries_of(bundle)
        match bundle.get("type"):
            case "transaction":
                entries = self._transaction(settings, raw, representation)
            case "batch":
                entries = self._batch(settings, raw, representation)
            case _:
                raise unparseable(
                    "the type of a bundle must be transaction or batch", "Bundle.type"
                )
        kind = f"{bundle['type']}-response"
        return fhir_reply({"resourceType": "Bundle", "type": kind, "entry": entries})

    def _transaction(
        self, settings: StoreSettings, raw: Sequence[Json], representation: bool
    ) -> list[Json]:
        definitions = self._stores.definitions
        requests = [parse_request(n, item, settings, definitions) for n, item in enumerate(raw)]
        for request in requests:
            require_permission(request, settings.name)
        claims = claims_of(requests, self._stores.records(settings))
        with self._stores.contention.hold(settings.name, claims):
            entries = [
                with_payload(request, item, settings, definitions)
                for request, item in zip(requests, raw, strict=True)
            ]
            results = self._stores.write(settings, lambda work: run_transaction(work, entries))
        return [
            _response(settings, entry, results[entry.index], representation) for entry in entries
        ]

    def _batch(
        self, settings: StoreSettings, raw: Sequence[Json], representation: bool
    ) -> list[Json]:
        read = [self._batch_entry(settings, index, item) for index, item in enumerate(raw)]
        runs = [partial(_run, entry) for entry in read if isinstance(entry, Entry)]
        results = iter(self._stores.write_each(settings, runs))
        responses = []
        for entry in read:
            if isinstance(entry, FhirError):
                responses.append(error_entry(entry))
            elif isinstance(result := next(results), FhirError):
                responses.append(error_entry(result))
            else:
                responses.append(_response(settings, entry, result, representation))
        return responses

    def _batch_entry(self, settings: StoreSettings, index: int, raw: Json) -> Entry | FhirError:
        definitions = self._stores.definitions
        try:
            request = parse_request(index, raw, settings, definitions)
            require_permission(request, settings.name)
            return with_payload(request, raw, settings, definitions)
        except FhirError as error:
            return error


def _run(entry: Entry, work: Work) -> Written:
    return run_entry(work, entry)


def _response(settings: StoreSettings, entry: Entry, result: Written, representation: bool) -> Json:
    representation = representation or entry.verb == "GET"
    return response_entry(settings.base, result, representation=representation)


def _strict(call: Call, settings: StoreSettings) -> bool:
    if match := _HANDLING.search(call.headers.get("prefer", "")):
        return match[1] == "strict"
    return settings.strict_search


def fhir_handlers(
    stores: FhirStores, operations: Operations, objects: CloudObjects
) -> list[object]:
    """Return the handler objects of all FHIR methods."""
    return [
        FhirJobMethods(stores, operations, objects),
        BulkExportMethods(stores, operations, objects),
        ReadMethods(stores),
        WriteMethods(stores),
        BinaryMethods(stores),
        SearchMethods(stores),
        BundleMethods(stores),
    ]
