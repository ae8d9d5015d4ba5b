"""Pub/Sub over HTTP and JSON: the same procedures behind the paths of the discovery document.

gcloud, Terraform and google-api-python-client speak this dialect.
Source: https://cloud.google.com/pubsub/docs/reference/rest and
https://google.aip.dev/127
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

import proto
from google.protobuf import json_format

from localcloud.contract.discovery import Contract
from localcloud.contract.transports import GrpcMethod
from localcloud.http.call import Call, Reply
from localcloud.http.service import HttpService
from localcloud.pubsub.errors import invalid

_PUBLISHER = "/google.pubsub.v1.Publisher"
_SUBSCRIBER = "/google.pubsub.v1.Subscriber"
_IAM = "/google.iam.v1.IAMPolicy"
_KINDS = ("topics", "subscriptions", "snapshots")
# What a method calls and the field of the request that its path fills.
_PROCEDURES: Mapping[str, tuple[str, str]] = {
    "topics.create": (f"{_PUBLISHER}/CreateTopic", "name"),
    "topics.get": (f"{_PUBLISHER}/GetTopic", "topic"),
    "topics.patch": (f"{_PUBLISHER}/UpdateTopic", "topic.name"),
    "topics.list": (f"{_PUBLISHER}/ListTopics", "project"),
    "topics.delete": (f"{_PUBLISHER}/DeleteTopic", "topic"),
    "topics.publish": (f"{_PUBLISHER}/Publish", "topic"),
    "topics.subscriptions.list": (f"{_PUBLISHER}/ListTopicSubscriptions", "topic"),
    "topics.snapshots.list": (f"{_PUBLISHER}/ListTopicSnapshots", "topic"),
    "subscriptions.detach": (f"{_PUBLISHER}/DetachSubscription", "subscription"),
    "subscriptions.create": (f"{_SUBSCRIBER}/CreateSubscription", "name"),
    "subscriptions.get": (f"{_SUBSCRIBER}/GetSubscription", "subscription"),
    "subscriptions.patch": (f"{_SUBSCRIBER}/UpdateSubscription", "subscription.name"),
    "subscriptions.list": (f"{_SUBSCRIBER}/ListSubscriptions", "project"),
    "subscriptions.delete": (f"{_SUBSCRIBER}/DeleteSubscription", "subscription"),
    "subscriptions.pull": (f"{_SUBSCRIBER}/Pull", "subscription"),
    "subscriptions.acknowledge": (f"{_SUBSCRIBER}/Acknowledge", "subscription"),
    "subscriptions.modifyAckDeadline": (f"{_SUBSCRIBER}/ModifyAckDeadline", "subscription"),
    "subscriptions.modifyPushConfig": (f"{_SUBSCRIBER}/ModifyPushConfig", "subscription"),
    "subscriptions.seek": (f"{_SUBSCRIBER}/Seek", "subscription"),
    "snapshots.create": (f"{_SUBSCRIBER}/CreateSnapshot", "name"),
    "snapshots.get": (f"{_SUBSCRIBER}/GetSnapshot", "snapshot"),
    "snapshots.patch": (f"{_SUBSCRIBER}/UpdateSnapshot", "snapshot.name"),
    "snapshots.list": (f"{_SUBSCRIBER}/ListSnapshots", "project"),
    "snapshots.delete": (f"{_SUBSCRIBER}/DeleteSnapshot", "snapshot"),
    **{f"{kind}.getIamPolicy": (f"{_IAM}/GetIamPolicy", "resource") for kind in _KINDS},
    **{f"{kind}.setIamPolicy": (f"{_IAM}/SetIamPolicy", "resource") for kind in _KINDS},
    **{f"{kind}.testIamPermissions": (f"{_IAM}/TestIamPermissions", "resource") for kind in _KINDS},
}
_BASE64 = re.compile("[A-Za-z0-9+/_-]*={0,2}")
_PAGING = ("pageSize", "pageToken")
Procedure = Callable[[Any, object], Awaitable[Any]]


class PubSubRest(HttpService):
    """The HTTP methods of pubsub.v1 over the handlers of its remote procedures.

    Parameters
    ----------
    methods, handlers
        By path, as the gRPC server has them.
    loop
        Where the handlers run; calls come from worker threads.
    """

    name = "pubsub"

    def __init__(
        self,
        methods: Mapping[str, GrpcMethod],
        handlers: Mapping[str, Procedure],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        super().__init__(Contract("pubsub", "v1"))
        self._loop = loop
        for method, (path, field) in _PROCEDURES.items():
            handler = partial(self._call, methods[path], handlers[path], field)
            self._handlers[f"pubsub.projects.{method}"] = (handler, False)

    def _call(self, method: GrpcMethod, handler: Procedure, field: str, call: Call) -> Reply:
        request = _request(method, field, call)
        running = asyncio.run_coroutine_threadsafe(_awaited(handler, request), self._loop)
        return Reply.json(json_format.MessageToDict(running.result()))


async def _awaited(handler: Procedure, request: Any) -> Any:
    return await handler(request, None)


def _request(method: GrpcMethod, field: str, call: Call) -> Any:
    """Build the request of a procedure from a call's body, query and path."""
    request = method.deserialize_request(b"")
    if isinstance(request, proto.Message):
        request = type(request).pb(request)
    paging = {name: value for name in _PAGING if (value := call.query.get(name)) is not None}
    try:
        body = call.json()
        _check_data(body)
        json_format.ParseDict({**body, **paging}, request)
    except json_format.ParseError as error:
        raise invalid(f"Invalid JSON payload received. {error}") from error
    *parents, leaf = field.split(".")
    target = request
    for parent in parents:
        target = getattr(target, parent)
    [resource] = call.params.values()
    setattr(target, leaf, resource)
    return request


def _check_data(body: Mapping[str, Any]) -> None:
    """Refuse data that is not base64: protobuf's parser would drop the letters it cannot read."""
    messages = body.get("messages")
    for index, message in enumerate(messages if isinstance(messages, list) else ()):
        data = message.get("data") if isinstance(message, Mapping) else None
        if isinstance(data, str) and not _BASE64.fullmatch(data):
            raise invalid(
                f"Invalid value at 'messages[{index}].data' (TYPE_BYTES), Base64 decoding failed."
            )
