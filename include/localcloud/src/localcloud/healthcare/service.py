"""The Healthcare API as one service put together from handler objects.

To serve more methods, give this service one more object whose methods carry ``@serves``; an
object that also has ``route(verb, path)`` adds paths that the discovery document lacks, such as
FHIR search by GET.
"""

from collections.abc import Sequence
from typing import ClassVar, Protocol, runtime_checkable

from localcloud.contract.discovery import Contract, Route
from localcloud.healthcare.datasets import DatasetMethods, LocationMethods
from localcloud.healthcare.dicom.objects import ObjectReader
from localcloud.healthcare.dicom.store import Surroundings, dicom_handlers
from localcloud.healthcare.iam import IamMethods
from localcloud.healthcare.operations import OperationMethods, Operations
from localcloud.healthcare.stores import Resources, StoreMethods
from localcloud.http.service import HttpService
from localcloud.notify import Publisher
from localcloud.state.blobs import Blobs
from localcloud.state.database import Database


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
        Reads Cloud Storage objects for imports.
    """

    name: ClassVar[str] = "healthcare"

    def __init__(
        self, database: Database, blobs: Blobs, publisher: Publisher, objects: ObjectReader
    ) -> None:
        super().__init__(Contract("healthcare", "v1"))
        self.operations = Operations(database)
        self.resources = Resources(database)
        dicom = dicom_handlers(
            Surroundings(database, blobs, publisher, objects, self.resources, self.operations)
        )
        self._extra_routes: list[ExtraRoutes] = []
        self.add(
            [
                LocationMethods(),
                DatasetMethods(self.resources, self.operations),
                StoreMethods(self.resources),
                IamMethods(database, self.resources),
                OperationMethods(self.operations),
                *dicom,
            ]
        )

    def add(self, handlers: Sequence[object]) -> None:
        """Serve the ``@serves`` methods of more objects.

        Raises
        ------
        LookupError
            When one names a method that the document does not have.
        """
        for handler in handlers:
            for attribute in vars(type(handler)):
                method = getattr(handler, attribute)
                served = getattr(method, "served", None)
                for method_id in served.method_ids if served else ():
                    if method_id not in self.contract.methods:
                        raise LookupError(f"healthcare.v1 has no method {method_id}")
                    self._handlers[method_id] = (method, served.open_query)
            if isinstance(handler, ExtraRoutes):
                self._extra_routes.append(handler)

    def route(self, verb: str, raw_path: str) -> Route | None:
        """Resolve a request by the document, else by the handlers' own extra routes."""
        route = super().route(verb, raw_path)
        extra = (source.route(verb, raw_path) for source in self._extra_routes)
        return route or next(filter(None, extra), None)

    def close(self) -> None:
        """Let running operations stop at their next batch."""
        self.operations.close()
