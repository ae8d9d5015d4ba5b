"""The gRPC contract, read from the installed client's own transport classes.

The client packages ship no servicer classes, but each transport names every path with its request
and response type when it builds its stubs; a channel that only records them yields the contract.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import grpc

Cardinality = Literal["unary_unary", "unary_stream", "stream_unary", "stream_stream"]


@dataclass(frozen=True)
class GrpcMethod:
    """One remote procedure: where it is called and how its messages are read and written."""

    path: str
    cardinality: Cardinality
    deserialize_request: Callable[[bytes], Any]
    serialize_response: Callable[[Any], bytes]

    @property
    def service(self) -> str:
        """The full service name, ``google.pubsub.v1.Publisher``."""
        return self.path.split("/")[1]

    @property
    def name(self) -> str:
        """The method's name within the service, ``Publish``."""
        return self.path.split("/")[2]

    @property
    def method_id(self) -> str:
        """The short id used by faults and call counts, ``pubsub.Publisher.Publish``."""
        return method_id(self.path)


def method_id(path: str) -> str:
    """Shorten ``/google.pubsub.v1.Publisher/Publish`` to ``pubsub.Publisher.Publish``."""
    service, _, name = path.lstrip("/").partition("/")
    *package, interface = service.split(".")
    return f"{package[-2] if len(package) > 1 else package[0]}.{interface}.{name}"


def methods(transport: type) -> dict[str, GrpcMethod]:
    """Return the methods of a GAPIC gRPC transport class by path."""
    channel = _RecordingChannel()
    stubs = transport(channel=channel)
    # The transport wraps its channel for logging and caches stubs; both would hide calls.
    stubs._logged_channel = channel
    stubs._stubs = {}
    for name, _ in inspect.getmembers(transport, lambda member: isinstance(member, property)):
        if name != "operations_client":
            getattr(stubs, name)
    # Mixed-in interfaces (IAM, operations) reuse raw protobuf types and belong to no service here.
    return {path: method for path, method in channel.methods.items() if method is not None}


class _RecordingChannel(grpc.Channel):
    def __init__(self) -> None:
        self.methods: dict[str, GrpcMethod | None] = {}

    def _record(
        self, cardinality: Cardinality, path: str, serializer: Any, deserializer: Any
    ) -> Callable[..., None]:
        request = getattr(serializer, "__self__", None)
        response = getattr(deserializer, "__self__", None)
        if response is None:
            # google.protobuf.Empty and google.iam messages are plain protobuf classes.
            response_writer: Callable[[Any], bytes] = _serialize_plain
        else:
            response_writer = getattr(response, "serialize", _serialize_plain)
        if request is None:
            self.methods[path] = None
        else:
            self.methods[path] = GrpcMethod(path, cardinality, request.deserialize, response_writer)
        return _never

    def unary_unary(
        self,
        method: str,
        request_serializer: Any = None,
        response_deserializer: Any = None,
        *_: Any,
        **__: Any,
    ) -> Any:
        return self._record("unary_unary", method, request_serializer, response_deserializer)

    def unary_stream(
        self,
        method: str,
        request_serializer: Any = None,
        response_deserializer: Any = None,
        *_: Any,
        **__: Any,
    ) -> Any:
        return self._record("unary_stream", method, request_serializer, response_deserializer)

    def stream_unary(
        self,
        method: str,
        request_serializer: Any = None,
        response_deserializer: Any = None,
        *_: Any,
        **__: Any,
    ) -> Any:
        return self._record("stream_unary", method, request_serializer, response_deserializer)

    def stream_stream(
        self,
        method: str,
        request_serializer: Any = None,
        response_deserializer: Any = None,
        *_: Any,
        **__: Any,
    ) -> Any:
        return self._record("stream_stream", method, request_serializer, response_deserializer)

    def subscribe(self, callback: Any, try_to_connect: bool = False) -> None:
        """Ignore connectivity: nothing connects."""

    def unsubscribe(self, callback: Any) -> None:
        """Ignore connectivity: nothing connects."""

    def close(self) -> None:
        """Do nothing: nothing was opened."""

    def __enter__(self) -> _RecordingChannel:
        return self

    def __exit__(self, *_: object) -> None:
        return None


def _serialize_plain(message: Any) -> bytes:
    return bytes(message.SerializeToString())


def _never(*_: Any, **__: Any) -> None:
    raise AssertionError("a recording channel sends nothing")
