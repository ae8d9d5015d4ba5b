"""Puts objects with handlers behind the gRPC methods of a contract."""

from __future__ import annotations

import inspect
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, TypeVar

import grpc
import proto
from google.protobuf import any_pb2, json_format
from google.rpc import error_details_pb2, status_pb2

from localcloud.contract.transports import GrpcMethod
from localcloud.errors import GoogleError, trace_of
from localcloud.pubsub.errors import not_served

_LOG = logging.getLogger(__name__)
_DETAIL_TYPES = error_details_pb2.DESCRIPTOR.pool
_SERVES = "_served_method"
_Handler = TypeVar("_Handler", bound=Callable[..., Any])


def serves(name: str) -> Callable[[_Handler], _Handler]:
    """Mark a method as the handler of the remote procedure `name`."""

    def mark(handler: _Handler) -> _Handler:
        setattr(handler, _SERVES, name)
        return handler

    return mark


def handlers_of(service: object) -> dict[str, Callable[..., Any]]:
    """The marked methods of an object by the name of what they serve."""
    return {
        getattr(member, _SERVES): member
        for _, member in inspect.getmembers(service, inspect.ismethod)
        if hasattr(member, _SERVES)
    }


class RpcRouter(grpc.GenericRpcHandler):
    """Finds the handler of a call; a method that has none answers UNIMPLEMENTED with its name.

    Parameters
    ----------
    methods
        The contract, by path.
    handlers
        By path: a coroutine function for one request and one response, an asynchronous generator
        function for streams. They take raw protobuf messages and a context.
    """

    def __init__(
        self, methods: Mapping[str, GrpcMethod], handlers: Mapping[str, Callable[..., Any]]
    ) -> None:
        self._handlers = {path: _refuse(path) for path in methods} | {
            path: _adapt(methods[path], handler) for path, handler in handlers.items()
        }

    def service(self, handler_call_details: Any) -> grpc.RpcMethodHandler | None:
        """Return what handles the call of a path, None for one that the contract does not have."""
        return self._handlers.get(handler_call_details.method)


def _adapt(method: GrpcMethod, handler: Callable[..., Any]) -> grpc.RpcMethodHandler:
    async def call(request: Any, context: grpc.aio.ServicerContext) -> Any:
        try:
            return await handler(request, context)
        except Exception as error:
            return await _abort(context, _as_google_error(method, error))

    async def stream(
        requests: AsyncIterator[Any], context: grpc.aio.ServicerContext
    ) -> AsyncIterator[Any]:
        try:
            async for response in handler(requests, context):
                yield response
        except Exception as error:
            await _abort(context, _as_google_error(method, error))

    def deserialize(data: bytes) -> Any:
        request = method.deserialize_request(data)
        # Google's own types wrap a protobuf message; those of IAM are one.
        return type(request).pb(request) if isinstance(request, proto.Message) else request

    if method.cardinality == "unary_unary":
        return grpc.unary_unary_rpc_method_handler(call, deserialize, _serialize)
    return grpc.stream_stream_rpc_method_handler(stream, deserialize, _serialize)


def _refuse(path: str) -> grpc.RpcMethodHandler:
    async def refuse(_: Any, context: grpc.aio.ServicerContext) -> None:
        await _abort(context, not_served(path.removeprefix("/").replace("/", ".")))

    # A stream handler answers before it reads, so it fits every kind of method.
    return grpc.stream_stream_rpc_method_handler(refuse)


def _as_google_error(method: GrpcMethod, error: Exception) -> GoogleError:
    if isinstance(error, GoogleError):
        return error
    _LOG.error("%s failed: %s", method.method_id, trace_of(error))
    # Left alone it would be UNKNOWN, which clients repeat until their patience ends.
    return GoogleError.of(500, f"{method.method_id} failed; the server's log says why.")


async def _abort(context: grpc.aio.ServicerContext, error: GoogleError) -> None:
    code = grpc.StatusCode[error.status]
    await context.abort(code, error.message, _details(code, error))


def _details(code: grpc.StatusCode, error: GoogleError) -> tuple[tuple[str, bytes], ...]:
    """The error's details as gRPC carries them: a google.rpc.Status among the trailing metadata.

    Source: https://grpc.io/docs/guides/error/#richer-error-model
    """
    if not error.details:
        return ()
    status = status_pb2.Status(code=code.value[0], message=error.message)
    status.details.extend(
        json_format.ParseDict(detail, any_pb2.Any(), descriptor_pool=_DETAIL_TYPES)
        for detail in error.details
    )
    return (("grpc-status-details-bin", status.SerializeToString()),)


def _serialize(message: Any) -> bytes:
    return bytes(message.SerializeToString())
