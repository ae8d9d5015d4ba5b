"""The check before every gRPC call.

The resource is in the request, so the check runs where the handler receives it: before the answer
to a single request, at the first message of a stream.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
from google.protobuf import any_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2

from localcloud.auth.caller import Caller, acting_as
from localcloud.auth.gate import Gate
from localcloud.contract.transports import method_id
from localcloud.errors import GoogleError

Continuation = Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler | None]]


class GateInterceptor(grpc.aio.ServerInterceptor):
    """Lets only calls pass that their caller may make."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler | None:
        """Return the handler of a call with the check before it."""
        handler = await continuation(handler_call_details)
        if handler is None or not self._gate.required:
            return handler
        name = method_id(handler_call_details.method)
        metadata = {
            key: value if isinstance(value, str) else value.decode("latin-1")
            for key, value in handler_call_details.invocation_metadata
        }
        check = _Check(self._gate, name, metadata.get("authorization", ""))
        if handler.unary_unary is not None:
            return grpc.unary_unary_rpc_method_handler(
                check.unary(handler.unary_unary),
                handler.request_deserializer,
                handler.response_serializer,
            )
        return grpc.stream_stream_rpc_method_handler(
            check.stream(handler.stream_stream),
            handler.request_deserializer,
            handler.response_serializer,
        )


class _Check:
    def __init__(self, gate: Gate, name: str, authorization: str) -> None:
        self._gate = gate
        self._name = name
        self._authorization = authorization

    def _caller(self) -> Caller:
        return self._gate.caller(self._name.partition(".")[0], self._name, self._authorization)

    def unary(self, run: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def checked(request: Any, context: grpc.aio.ServicerContext) -> Any:
            try:
                caller = self._caller()
                self._gate.check(caller, self._name, _lookup(request))
            except GoogleError as error:
                return await _abort(context, error)
            with acting_as(caller):
                return await run(request, context)

        return checked

    def stream(self, run: Callable[..., AsyncIterator[Any]]) -> Callable[..., AsyncIterator[Any]]:
        async def checked(
            requests: AsyncIterator[Any], context: grpc.aio.ServicerContext
        ) -> AsyncIterator[Any]:
            try:
                caller = self._caller()
                first = await anext(aiter(requests), None)
                if first is not None:
                    self._gate.check(caller, self._name, _lookup(first))
            except GoogleError as error:
                await _abort(context, error)
                return
            async for response in run(_chain(first, requests), context):
                yield response

        return checked


async def _chain(first: Any, rest: AsyncIterator[Any]) -> AsyncIterator[Any]:
    if first is None:
        return
    yield first
    async for request in rest:
        yield request


def _lookup(request: Any) -> Callable[[str], str]:
    def value(name: str) -> str:
        found: Any = request
        for field in name.split("."):
            found = getattr(found, field, "")
        return found if isinstance(found, str) else ""

    return value


async def _abort(context: grpc.aio.ServicerContext, error: GoogleError) -> None:
    """End a call with Google's richer error model, which names permission and resource.

    Source: https://grpc.io/docs/guides/error/#richer-error-model
    """
    status = status_pb2.Status(code=code_pb2.Code.Value(error.status), message=error.message)
    for detail in error.details:
        info = error_details_pb2.ErrorInfo(
            reason=detail["reason"], domain=detail["domain"], metadata=detail["metadata"]
        )
        packed = any_pb2.Any()
        packed.Pack(info)
        status.details.append(packed)
    trailing = (("grpc-status-details-bin", status.SerializeToString()),)
    await context.abort(grpc.StatusCode[error.status], error.message, trailing)
