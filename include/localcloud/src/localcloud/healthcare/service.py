"""The Healthcare API as one service put together from handler objects.

To serve more methods, register one more object whose methods carry ``@serves``; an object that
also has ``route(verb, path)`` adds paths that the discovery document lacks, such as FHIR search
by GET.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import ClassVar, Protocol, runtime_checkable

from localcloud.behaviour import BehaviourSwitch
from localcloud.contract.discovery import Contract, Route
from localcloud.errors import GoogleError
from localcloud.healthcare.datasets import DatasetMethods, LocationMethods
from localcloud.healthcare.dicom.store import Surroundings, dicom_handlers
from localcloud.healthcare.fhir.bundle_methods import fhir_handlers
from localcloud.healthcare.fhir.stores import FhirStores
from localcloud.healthcare.iam import IamMethods
from localcloud.healthcare.operation_methods import OperationMethods
from localcloud.healthcare.operations import Operations
from localcloud.healthcare.resources import forbidden
from localcloud.healthcare.stores import Resources, StoreMethods
from localcloud.http.call import Call, Reply
from localcloud.http.service import HttpService
from localcloud.notify import Publisher, TopicLookup
from localcloud.objects import CloudObjects
from localcloud.state.blobs import Blobs
from localcloud.state.database import Database
from localcloud.state.outbox import Outbox


@runtime_checkable
class ExtraRoutes(Protocol):
    """A handler object that serves paths beyond the discovery document."""

    def route(self, verb: str, raw_path: str) -> Route | None:
        """Resolve a request to a method id of the contract, or return None."""


class HealthcareService(HttpService):
    """Datasets, stores, operations, IAM, DICOMweb and FHIR.

    Parameters
    ----------
    blobs
        A folder for DICOM files alone: at start, files that no instance names are removed.
    objects
        Reads and writes Cloud Storage objects for imports and exports.
    topic_exists
        Lets a call fail whose notifications could not be sent.
    """

    name: ClassVar[str] = "healthcare"

    def __init__(
        self,
        database: Database,
        blobs: Blobs,
        publisher: Publisher,
        objects: CloudObjects,
        behaviour: BehaviourSwitch,
        *,
        topic_exists: TopicLookup,
    ) -> None:
        self._extra_routes: list[ExtraRoutes] = []
        self._behaviour = behaviour
        super().__init__(Contract("healthcare", "v1"))
        self.operations = Operations(database, behaviour)
        self.resources = Resources(database, behaviour)
        self.resources.on_delete("datasets", self.operations.forget_dataset)
        outbox = Outbox(database, publisher)
        dicom = dicom_handlers(
            Surroundings(
                database,
                blobs,
                outbox,
                objects,
                self.resources,
                self.operations,
                behaviour,
                topic_exists,
            )
        )
        self.register(
            LocationMethods(),
            DatasetMethods(self.resources, self.operations),
            StoreMethods(self.resources),
            IamMethods(database, self.resources),
            OperationMethods(self.operations, self.resources),
            *dicom,
            *fhir_handlers(
                FhirStores(database, outbox, self.resources, behaviour, topic_exists),
                self.operations,
                objects,
            ),
        )
        outbox.flush()

    def register(self, *handlers: object) -> None:
        """Serve the decorated methods of these objects, and the paths they add."""
        super().register(*handlers)
        others = [handler for handler in handlers if handler is not self]
        self._extra_routes += [other for other in others if isinstance(other, ExtraRoutes)]

    def route(self, verb: str, raw_path: str) -> Route | None:
        """Resolve a request by the document, else by the handlers' own extra routes."""
        route = super().route(verb, raw_path)
        extra = (source.route(verb, raw_path) for source in self._extra_routes)
        return route or next(filter(None, extra), None)

    def error_reply(self, error: GoogleError, call: Call | None = None) -> Reply:
        """Answer a failure; what is missing may look like what is forbidden."""
        hidden = self._behaviour.current.forbid_missing == "everything"
        if hidden and error.code == HTTPStatus.NOT_FOUND and call is not None:
            error = forbidden(call.method_id, call.path.lstrip("/"))
        return super().error_reply(error, call)
