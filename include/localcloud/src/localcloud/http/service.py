"""A service: a contract and the handlers of those of its methods that are served."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from localcloud.contract.discovery import Contract, Route
from localcloud.errors import GoogleError
from localcloud.http.call import Call, Reply

Handler = Callable[[Call], Reply]
_Method = TypeVar("_Method", bound=Callable[[Any, Call], Reply])


@dataclass(frozen=True)
class _Served:
    method_ids: tuple[str, ...]
    open_query: bool


def serves(*method_ids: str, open_query: bool = False) -> Callable[[_Method], _Method]:
    """Mark a method as the handler of one or more methods of the contract.

    Parameters
    ----------
    open_query
        Accept query parameters that the document does not list, as DICOM attributes in QIDO-RS
        and FHIR search parameters are not.
    """

    def mark(handler: _Method) -> _Method:
        handler.__dict__["served"] = _Served(method_ids, open_query)
        return handler

    return mark


class HttpService:
    """Base class of services; a subclass sets ``name`` and passes its contract.

    Methods decorated with ``serves`` are found on the service itself and on every object given to
    ``register``, so that a large service can be put together from small ones.
    """

    name: ClassVar[str]
    max_batch_calls: ClassVar[int] = 1000

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self._handlers: dict[str, tuple[Handler, bool]] = {}
        self.register(self)

    def register(self, *handlers: object) -> None:
        """Serve the decorated methods of these objects.

        Raises
        ------
        LookupError
            When one names a method that the document does not have.
        """
        for handler in handlers:
            for attribute in dir(type(handler)):
                served = getattr(getattr(type(handler), attribute), "served", None)
                if not isinstance(served, _Served):
                    continue
                for method_id in served.method_ids:
                    if method_id not in self.contract.methods:
                        raise LookupError(f"{self.contract.api} has no method {method_id}")
                    self._handlers[method_id] = (getattr(handler, attribute), served.open_query)

    def served_methods(self) -> frozenset[str]:
        """Return the ids of the methods that have a handler."""
        return frozenset(self._handlers)

    def route(self, verb: str, raw_path: str) -> Route | None:
        """Resolve a request, or return None when the path is not this service's."""
        return self.contract.route(verb, raw_path)

    def handle(self, route: Route, call: Call) -> Reply:
        """Check a call against the contract and run its handler; every failure is a reply."""
        try:
            return self._handle(route, call)
        except GoogleError as error:
            return self.error_reply(error, call)

    def _handle(self, route: Route, call: Call) -> Reply:
        try:
            handler, open_query = self._handlers[route.method_id]
        except KeyError:
            raise GoogleError.of(
                501, f"{route.method_id} is not served by the local cloud."
            ) from None
        if not open_query:
            self.contract.check_query(route, call.query.names())
        if not route.media and self.contract.request_schema(route.method_id) and call.payload:
            self.contract.check_body(route.method_id, call.json())
        return handler(call)

    def error_reply(self, error: GoogleError, call: Call | None = None) -> Reply:
        """Answer a failure as ``google.rpc.Status``; a service with another shape overrides it."""
        status: dict[str, Any] = {
            "code": error.code,
            "message": error.message,
            "status": error.status,
        }
        if error.details:
            status["details"] = list(error.details)
        return Reply.json({"error": status}, error.code)
