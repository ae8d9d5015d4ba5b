"""Faults, quotas, latency and call counts for gRPC methods.

A dropped connection reaches a gRPC client as UNAVAILABLE, so that is what a drop answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc

from localcloud.conditions import Conditions
from localcloud.contract.transports import method_id
from localcloud.faults import Fault

_CODE_BY_STATUS = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    408: grpc.StatusCode.DEADLINE_EXCEEDED,
    409: grpc.StatusCode.ALREADY_EXISTS,
    412: grpc.StatusCode.FAILED_PRECONDITION,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    500: grpc.StatusCode.INTERNAL,
    501: grpc.StatusCode.UNIMPLEMENTED,
    502: grpc.StatusCode.UNAVAILABLE,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}
Continuation = Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler | None]]


class ConditionsInterceptor(grpc.aio.ServerInterceptor):
    """Applies fault rules, quotas and latency to every call of a ``grpc.aio`` server."""

    def __init__(self, conditions: Conditions) -> None:
        self._conditions = conditions

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler | None:
        """Return the handler of a call, or one that fails as a rule says."""
        handler = await continuation(handler_call_details)
        if handler is None:
            # Names that no method has are not counted: a client could send any number of them.
            return None
        name = method_id(handler_call_details.method)
        fault = self._conditions.faults.take(name)
        if refusal := self._conditions.quotas.exceeded(name):
            return _refuse(grpc.StatusCode.RESOURCE_EXHAUSTED, refusal.message)
        if latency_seconds := self._conditions.behaviour.current.latency_of(name):
            await asyncio.sleep(latency_seconds)
        if fault is None:
            return handler
        if fault.after and handler.unary_unary is not None:
            return _fail_afterwards(fault, name, handler)
        if fault.drop or fault.status is not None:
            return _fail_at_once(fault, name)
        await asyncio.sleep(fault.delay_seconds)
        return handler


def _refuse(code: grpc.StatusCode, message: str) -> grpc.RpcMethodHandler:
    async def refuse(_requests: AsyncIterator[Any], context: grpc.aio.ServicerContext) -> None:
        await context.abort(code, message)

    # A stream handler answers before it reads, whatever the client's side of the method is.
    return grpc.stream_stream_rpc_method_handler(refuse)


def _fail_at_once(fault: Fault, name: str) -> grpc.RpcMethodHandler:
    async def fail(_requests: AsyncIterator[Any], context: grpc.aio.ServicerContext) -> None:
        await _abort(fault, name, context)

    return grpc.stream_stream_rpc_method_handler(fail)


def _fail_afterwards(
    fault: Fault, name: str, handler: grpc.RpcMethodHandler
) -> grpc.RpcMethodHandler:
    async def run_then_fail(request: Any, context: grpc.aio.ServicerContext) -> Any:
        response = await handler.unary_unary(request, context)
        if fault.delay_seconds:
            await asyncio.sleep(fault.delay_seconds)
            return response
        return await _abort(fault, name, context)

    return grpc.unary_unary_rpc_method_handler(
        run_then_fail, handler.request_deserializer, handler.response_serializer
    )


async def _abort(fault: Fault, name: str, context: grpc.aio.ServicerContext) -> None:
    if fault.drop:
        await context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")
    code = _CODE_BY_STATUS.get(fault.status or 503, grpc.StatusCode.UNKNOWN)
    await context.abort(code, f"Fault injected into {name} by /_localcloud/faults.")
