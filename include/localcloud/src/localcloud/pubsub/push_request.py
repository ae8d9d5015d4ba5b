"""What a push posts: a message wrapped in JSON, or its bare data with its metadata as headers.

Source: https://cloud.google.com/pubsub/docs/push#receive_push and
https://cloud.google.com/pubsub/docs/payload-unwrapping
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field
from typing import Any

from localcloud.pubsub.raw_messages import PubsubMessage as Message
from localcloud.pubsub.raw_messages import ReceivedMessage, Subscription

_TOKEN_SECONDS = 3600
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_HEADER_VALUE = re.compile(r"[\x20-\x7e\x80-\xff\t]*")
# An attribute must not change how the request is read, nor where it goes.
_OWN_HEADERS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "expect", "authorization"}
)


@dataclass(frozen=True)
class PushRequest:
    """One HTTP POST: where to, with which headers and which body."""

    url: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


def push_request(subscription: Subscription, received: ReceivedMessage, now: float) -> PushRequest:
    """Put a message into the shape that its subscription asks for."""
    config = subscription.push_config
    headers: dict[str, str] = {}
    if config.HasField("no_wrapper"):
        body = received.message.data
        if config.no_wrapper.write_metadata:
            headers = _metadata(subscription.name, received.message)
    else:
        body = json.dumps(_wrapped(subscription.name, received)).encode()
        headers["Content-Type"] = "application/json"
    if config.HasField("oidc_token"):
        headers["Authorization"] = f"Bearer {_unsigned_token(config, now)}"
    return PushRequest(config.push_endpoint, body, headers)


def _wrapped(subscription: str, received: ReceivedMessage) -> dict[str, Any]:
    message = received.message
    published = _publish_time(message)
    wrapped: dict[str, Any] = {
        "messageId": message.message_id,
        "message_id": message.message_id,
        "publishTime": published,
        "publish_time": published,
    }
    if message.data:
        wrapped["data"] = base64.b64encode(message.data).decode()
    if message.attributes:
        wrapped["attributes"] = dict(message.attributes)
    if message.ordering_key:
        wrapped["orderingKey"] = message.ordering_key
    envelope: dict[str, Any] = {"message": wrapped, "subscription": subscription}
    if received.delivery_attempt:
        envelope["deliveryAttempt"] = received.delivery_attempt
    return envelope


def _metadata(subscription: str, message: Message) -> dict[str, str]:
    """Attributes and metadata as headers; what no header can carry is left out."""
    headers = {
        name: value
        for name, value in message.attributes.items()
        if _HEADER_NAME.fullmatch(name)
        and _HEADER_VALUE.fullmatch(value)
        and name.lower() not in _OWN_HEADERS
    }
    headers["x-goog-pubsub-subscription-name"] = subscription
    headers["x-goog-pubsub-message-id"] = message.message_id
    headers["x-goog-pubsub-publish-time"] = _publish_time(message)
    if message.ordering_key and _HEADER_VALUE.fullmatch(message.ordering_key):
        headers["x-goog-pubsub-ordering-key"] = message.ordering_key
    return headers


def _publish_time(message: Message) -> str:
    """RFC 3339 with milliseconds, as Google pushes it."""
    time = message.publish_time.ToDatetime()
    return f"{time.isoformat(timespec='milliseconds')}Z"


def _unsigned_token(config: Any, now: float) -> str:
    """A JSON Web Token that nobody can take for Google's: algorithm "none", own issuer.

    Source: https://www.rfc-editor.org/rfc/rfc7519#section-6
    """
    email = config.oidc_token.service_account_email
    claims = {
        "iss": "localcloud",
        "aud": config.oidc_token.audience or config.push_endpoint,
        "sub": email,
        "email": email,
        "email_verified": False,
        "iat": int(now),
        "exp": int(now) + _TOKEN_SECONDS,
    }
    return f"{_segment({'alg': 'none', 'typ': 'JWT'})}.{_segment(claims)}."


def _segment(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
