"""Methods of endpoints."""

from __future__ import annotations

from typing import Any

from localcloud.bodies import message_of
from localcloud.errors import GoogleError
from localcloud.http.call import Call, Reply
from localcloud.http.service import serves
from localcloud.longrunning import Kind, Operations
from localcloud.state.database import Database
from localcloud.vertex import metadata
from localcloud.vertex.endpoints import Endpoints, check_empty
from localcloud.vertex.limits import check_timeout
from localcloud.vertex.listing import listed, masked
from localcloud.vertex.names import ENDPOINT_ID, check_common, new_id, wrong_field
from localcloud.vertex.traffic import check_split

Json = dict[str, Any]

_ENDPOINTS = "aiplatform.projects.locations.endpoints"
_MUTABLE = frozenset(
    {
        "description",
        "displayName",
        "labels",
        "predictRequestResponseLoggingConfig",
        "trafficSplit",
    }
)
_PRIVATE = ("network", "privateServiceConnectConfig", "enablePrivateServiceConnect", "gdcConfig")


class EndpointMethods:
    """endpoints.create, get, list, patch, update and delete."""

    def __init__(
        self,
        database: Database,
        endpoints: Endpoints,
        operations: Operations,
        dedicated_dns: str,
    ) -> None:
        self._database = database
        self._endpoints = endpoints
        self._dedicated_dns = dedicated_dns
        self._operations = operations
        endpoint, end = f"{metadata.TYPES}Endpoint", metadata.finished
        operations.define("CreateEndpoint", Kind(endpoint, self._create, finished=end))
        operations.define("UpdateEndpoint", Kind(endpoint, self._update, finished=end))
        operations.define("DeleteEndpoint", Kind(metadata.EMPTY, self._delete, finished=end))

    @serves(f"{_ENDPOINTS}.create")
    def create(self, call: Call) -> Reply:
        body = message_of(call)
        check_common(body, "endpoint")
        check_timeout(body)
        if private := [field for field in _PRIVATE if body.get(field)]:
            raise GoogleError.of(
                501, f"Private endpoints ({private[0]}) are not served by the local cloud."
            )
        if body.get("trafficSplit"):
            check_split(body["trafficSplit"], ())
        endpoint_id = call.query.get("endpointId")
        if endpoint_id and not ENDPOINT_ID.fullmatch(endpoint_id):
            raise wrong_field(
                "endpoint_id", "Up to 63 of [a-z0-9-] after a letter, or up to 9 digits."
            )
        name = f"{call.params['parent']}/endpoints/{endpoint_id or new_id()}"
        return self._start("CreateEndpoint", name, {"endpoint": _writable(body)})

    def _create(self, arguments: Json) -> Json:
        endpoint = arguments["endpoint"]
        if endpoint.get("dedicatedEndpointEnabled"):
            endpoint = {**endpoint, "dedicatedEndpointDns": self._dedicated_dns}
        with self._database.write() as tx:
            return _shown(self._endpoints.add(tx, arguments["name"], endpoint))

    @serves(f"{_ENDPOINTS}.get")
    def get(self, call: Call) -> Reply:
        return Reply.json(_shown(self._endpoints.get(call.params["name"])))

    @serves(f"{_ENDPOINTS}.list")
    def list(self, call: Call) -> Reply:
        found = [_shown(e) for e in self._endpoints.of_location(call.params["parent"])]
        return Reply.json(listed(call, "endpoints", found))

    @serves(f"{_ENDPOINTS}.patch")
    def patch(self, call: Call) -> Reply:
        """Update an endpoint; an etag that is given must be the current one."""
        body, name = message_of(call), call.params["name"]
        changes = masked(call, body, _MUTABLE)
        with self._database.write() as tx:
            current = self._endpoints.get(name)
            check_common({**current, **changes}, "endpoint")
            if body.get("etag") and body["etag"] != _shown(current)["etag"]:
                raise GoogleError(409, "ABORTED", f"The etag is not that of {name}; read it anew.")
            return Reply.json(_shown(self._endpoints.update(tx, name, changes)))

    @serves(f"{_ENDPOINTS}.update")
    def update(self, call: Call) -> Reply:
        """Change the inference timeout, the one field that this method updates."""
        name = call.params["name"]
        endpoint = message_of(call).get("endpoint") or {}
        self._endpoints.get(name)
        check_timeout(endpoint)
        config = endpoint.get("clientConnectionConfig")
        return self._start("UpdateEndpoint", name, {"config": config})

    def _update(self, arguments: Json) -> Json:
        with self._database.write() as tx:
            changes = {"clientConnectionConfig": arguments["config"]}
            return _shown(self._endpoints.update(tx, arguments["name"], changes))

    @serves(f"{_ENDPOINTS}.delete")
    def delete(self, call: Call) -> Reply:
        name = call.params["name"]
        check_empty(self._endpoints.get(name))
        return self._start("DeleteEndpoint", name, {}, "Delete")

    def _delete(self, arguments: Json) -> Json:
        with self._database.write() as tx:
            self._endpoints.delete(tx, arguments["name"])
        return {}

    def _start(self, kind: str, name: str, arguments: Json, shown_as: str = "") -> Reply:
        begun = metadata.begun(shown_as or kind)
        operation = self._operations.start(name, kind, {"name": name, **arguments}, begun)
        return Reply.json(operation)


def _writable(body: Json) -> Json:
    output_only = {"name", "createTime", "updateTime", "deployedModels", "etag", "trafficSplit"}
    return {key: value for key, value in body.items() if key not in output_only}


def _shown(endpoint: Json) -> Json:
    return {**endpoint, "etag": f'"{endpoint["updateTime"]}"'}
