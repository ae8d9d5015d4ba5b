"""Vertex AI v1: models, endpoints and prediction against registered model servers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import urlsplit

from localcloud.behaviour import BehaviourSwitch
from localcloud.contract.discovery import Contract, Route
from localcloud.http.service import HttpService
from localcloud.longrunning import Operations
from localcloud.state.database import Database
from localcloud.vertex.containers import Containers
from localcloud.vertex.deploy_methods import DeployMethods
from localcloud.vertex.endpoint_methods import EndpointMethods
from localcloud.vertex.endpoints import Endpoints
from localcloud.vertex.model_methods import ModelMethods
from localcloud.vertex.models import Models
from localcloud.vertex.operation_methods import OperationMethods
from localcloud.vertex.predict_methods import PredictMethods
from localcloud.vertex.servers import ModelServers

_RAW_PREDICT = "aiplatform.projects.locations.endpoints.rawPredict"


class VertexService(HttpService):
    """Puts the parts of Vertex AI together; ``close`` ends what runs in the background.

    Parameters
    ----------
    base_url
        Where the service listens; dedicated endpoints name it as their DNS.
    model_servers
        Image URI to the base URL of the server that stands in for it.
    """

    name: ClassVar[str] = "vertex"

    def __init__(
        self,
        database: Database,
        behaviour: BehaviourSwitch,
        base_url: str,
        model_servers: Mapping[str, str],
    ) -> None:
        super().__init__(_VertexContract("aiplatform", "v1"))
        self.servers = ModelServers(database, model_servers)
        models, endpoints = Models(database), Endpoints(database)
        self._containers = Containers()
        self._operations = operations = Operations(database, behaviour)
        self.register(
            ModelMethods(database, models, endpoints, operations),
            EndpointMethods(database, endpoints, operations, urlsplit(base_url).netloc),
            DeployMethods(
                database=database,
                models=models,
                endpoints=endpoints,
                servers=self.servers,
                containers=self._containers,
                operations=operations,
            ),
            PredictMethods(models, endpoints, self.servers, self._containers),
            OperationMethods(operations),
        )
        operations.resume()

    def close(self) -> None:
        """End the calls of model servers and the work on operations; both may go on later."""
        self._operations.stop()
        self._containers.close()
        self._operations.close()

    def route(self, verb: str, raw_path: str) -> Route | None:
        """Resolve a request; Google's REST clients poll operations below ``/ui/``, too."""
        if raw_path.startswith("/ui/"):
            raw_path = f"/v1/{raw_path.removeprefix('/ui/')}"
        return super().route(verb, raw_path)


class _VertexContract(Contract):
    def request_schema(self, method_id: str) -> str | None:
        """Return None for rawPredict as well: its body is whatever the model takes."""
        return None if method_id == _RAW_PREDICT else super().request_schema(method_id)
