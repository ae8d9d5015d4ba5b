"""DICOMweb as the Healthcare API serves it: paths and verbs to transactions.

Source: https://cloud.google.com/healthcare-api/docs/dicom
"""

from __future__ import annotations

from localcloud.errors import GoogleError
from localcloud.healthcare.dicom import search, stow
from localcloud.healthcare.dicom.deletions import Deletions
from localcloud.healthcare.dicom.index import Index, Instance, Scope
from localcloud.healthcare.dicom.ingest import Ingest
from localcloud.healthcare.dicom.notifications import Action
from localcloud.healthcare.dicom.retrieve import Retriever
from localcloud.healthcare.resources import forbidden, invalid, not_found
from localcloud.healthcare.stores import Resources
from localcloud.http.call import Call, Reply
from localcloud.http.service import serves

_STORES = "healthcare.projects.locations.datasets.dicomStores"
_STUDIES = f"{_STORES}.studies"
_SERIES = f"{_STUDIES}.series"
_INSTANCES = f"{_SERIES}.instances"
_LEVELS = ("studies", "series", "instances")


class DicomStoreMethods:
    """Store and search."""

    def __init__(self, index: Index, ingest: Ingest, resources: Resources) -> None:
        self._index = index
        self._ingest = ingest
        self._resources = resources

    @serves(f"{_STORES}.storeInstances", f"{_STUDIES}.storeInstances")
    def store(self, call: Call) -> Reply:
        scope = _scope(call, self._resources)
        study = "".join(scope.uids)
        media_type = stow.answer_type(call)
        files = stow.request_files(call)
        outcomes = self._ingest.store(scope.store, files, Action.STORE, study)
        return stow.reply(outcomes, _dicom_web_url(call), study, media_type)

    @serves(f"{_STORES}.searchForStudies", open_query=True)
    def search_studies(self, call: Call) -> Reply:
        return self._search(call, search.STUDIES)

    @serves(f"{_STORES}.searchForSeries", f"{_STUDIES}.searchForSeries", open_query=True)
    def search_series(self, call: Call) -> Reply:
        return self._search(call, search.SERIES)

    @serves(
        f"{_STORES}.searchForInstances",
        f"{_STUDIES}.searchForInstances",
        f"{_SERIES}.searchForInstances",
        open_query=True,
    )
    def search_instances(self, call: Call) -> Reply:
        return self._search(call, search.INSTANCES)

    def _search(self, call: Call, level: search.Level) -> Reply:
        scope = _scope(call, self._resources)
        query = search.SearchQuery.parse(call, level)
        results = search.search(self._index, scope, level, query)
        return search.reply(results, call.headers.get("accept", ""))


class DicomRetrieveMethods:
    """Retrieve instances and what is derived from them."""

    def __init__(self, index: Index, retriever: Retriever, resources: Resources) -> None:
        self._index = index
        self._retriever = retriever
        self._resources = resources

    @serves(f"{_STUDIES}.retrieveStudy", f"{_SERIES}.retrieveSeries")
    def retrieve_many(self, call: Call) -> Reply:
        return self._retriever.instances(call, self._found(call), single=False)

    @serves(f"{_INSTANCES}.retrieveInstance")
    def retrieve_instance(self, call: Call) -> Reply:
        return self._retriever.instances(call, self._found(call), single=True)

    @serves(
        f"{_STUDIES}.retrieveMetadata",
        f"{_SERIES}.retrieveMetadata",
        f"{_INSTANCES}.retrieveMetadata",
    )
    def retrieve_metadata(self, call: Call) -> Reply:
        return self._retriever.metadata(call, self._found(call), _dicom_web_url(call))

    @serves(f"{_INSTANCES}.frames.retrieveFrames")
    def retrieve_frames(self, call: Call) -> Reply:
        return self._retriever.frames(call, self._found(call)[0], _frame_numbers(call))

    @serves(f"{_INSTANCES}.retrieveRendered")
    def retrieve_rendered(self, call: Call) -> Reply:
        return self._retriever.rendered(call, self._found(call)[0], 1)

    @serves(f"{_INSTANCES}.frames.retrieveRendered")
    def retrieve_rendered_frame(self, call: Call) -> Reply:
        numbers = _frame_numbers(call)
        if len(numbers) != 1:
            raise invalid("only one frame can be rendered at a time")
        return self._retriever.rendered(call, self._found(call)[0], numbers[0])

    @serves(f"{_INSTANCES}.bulkdata.retrieveBulkdata")
    def retrieve_bulk_data(self, call: Call) -> Reply:
        path = call.params["dicomWebPath"].split("/bulkdata/", 1)[1].split("/")
        return self._retriever.bulk_data(call, self._found(call)[0], path)

    def _found(self, call: Call) -> list[Instance]:
        scope = _scope(call, self._resources)
        found = self._index.instances(scope)
        if not found:
            raise _missing(scope, self._index, "dicomWebRead")
        return found


class DicomDeleteMethods:
    """Delete an instance at once, a series or a study as an operation."""

    def __init__(self, index: Index, deletions: Deletions, resources: Resources) -> None:
        self._index = index
        self._deletions = deletions
        self._resources = resources

    @serves(f"{_INSTANCES}.delete")
    def delete_instance(self, call: Call) -> Reply:
        """Delete at once; a search may still list it for a while."""
        scope = _scope(call, self._resources)
        if not self._deletions.delete(scope):
            raise _missing(scope, self._index, "dicomWebDelete")
        return Reply.json({})

    @serves(f"{_STUDIES}.delete", f"{_SERIES}.delete")
    def delete_many(self, call: Call) -> Reply:
        """Start an operation; until it works the instances can be retrieved."""
        scope = _scope(call, self._resources)
        if not self._index.instances(scope):
            raise _missing(scope, self._index, "dicomWebDelete")
        return Reply.json(self._deletions.start(scope))


def _scope(call: Call, resources: Resources) -> Scope:
    """Return the resource that a path names, once its store is known to exist."""
    store = call.params["parent"]
    resources.get(store)
    segments = call.params["dicomWebPath"].split("/")
    pairs = zip(_LEVELS, segments[::2], segments[1::2], strict=False)
    return Scope(store, tuple(uid for level, name, uid in pairs if level == name))


def _missing(scope: Scope, index: Index, permission: str) -> GoogleError:
    """404, or 403 where the behaviour in force does not tell what exists."""
    if index.behaviour.current.forbid_missing == "everything":
        name = f"{scope.store}/dicomWeb/{scope.path}"
        return forbidden(f"healthcare.dicomStores.{permission}", name)
    kind = ("study", "series", "instance")[len(scope.uids) - 1]
    return not_found(kind, scope.uids[-1])


def _dicom_web_url(call: Call) -> str:
    return f"{call.base_url}/v1/{call.params['parent']}/dicomWeb"


def _frame_numbers(call: Call) -> list[int]:
    segments = call.params["dicomWebPath"].split("/")
    texts = segments[segments.index("frames") + 1].split(",")
    if not all(text.isascii() and text.isdigit() and int(text) > 0 for text in texts):
        raise invalid("frames are numbers from 1, separated by commas")
    return [int(text) for text in texts]
