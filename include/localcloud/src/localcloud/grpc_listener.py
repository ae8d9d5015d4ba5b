"""The gRPC server of one service."""

from __future__ import annotations

from collections.abc import Iterable

import grpc

from localcloud.errors import StartError

GRACE_SECONDS = 0.5
# Pub/Sub takes requests of 10 MB; the margin leaves room to refuse a larger one properly.
_OPTIONS = (("grpc.max_receive_message_length", 20 << 20), ("grpc.so_reuseport", 0))


def grpc_server(
    handlers: Iterable[grpc.GenericRpcHandler],
    interceptors: Iterable[grpc.aio.ServerInterceptor],
    address: tuple[str, int],
    name: str,
) -> tuple[grpc.aio.Server, int]:
    """Return a server that is bound but not started, and its port.

    Raises
    ------
    StartError
        When the port is taken, naming the option that changes it.
    """
    server = grpc.aio.server(interceptors=list(interceptors), options=_OPTIONS)
    server.add_generic_rpc_handlers(tuple(handlers))
    where = f"{address[0]}:{address[1]}"
    try:
        return server, server.add_insecure_port(where)
    except RuntimeError as error:
        raise StartError(
            f"cannot listen on {where} for {name}; "
            f"free the port or choose another with --{name}-port"
        ) from error
