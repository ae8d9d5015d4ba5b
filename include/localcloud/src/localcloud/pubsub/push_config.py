"""Push configurations: where and in which shape a subscription's messages are posted.

Source: https://cloud.google.com/pubsub/docs/reference/rpc/google.pubsub.v1#pushconfig
"""

from __future__ import annotations

from urllib.parse import urlsplit

from localcloud.pubsub.errors import invalid, not_served
from localcloud.pubsub.raw_messages import PushConfig

VERSION = "x-goog-version"
_VERSIONS = ("v1", "v1beta2")
_OLD_VERSION = "v1beta1"
_SCHEMES = ("http", "https")
_MAX_ENDPOINT_BYTES = 8192


def set_defaults(config: PushConfig) -> None:
    """Name the format of the push, as Google does where the caller did not."""
    if config.push_endpoint and VERSION not in config.attributes:
        config.attributes[VERSION] = _VERSIONS[0]


def check(config: PushConfig) -> None:
    """Raise INVALID_ARGUMENT for an endpoint or a format that cannot be pushed to.

    Google takes https endpoints alone; here plain http reaches a server on the same machine.
    """
    if not config.push_endpoint:
        return
    if not _is_endpoint(config.push_endpoint):
        raise invalid(
            "Invalid push endpoint given "
            f"(endpoint={config.push_endpoint[:200]}): use an http or https URL."
        )
    for name, value in config.attributes.items():
        if name != VERSION:
            raise invalid(f"Invalid push attribute given: {name}. The only one is {VERSION}.")
        if value == _OLD_VERSION:
            raise not_served(f"The push format {_OLD_VERSION}")
        if value not in _VERSIONS:
            raise invalid(f"Invalid {VERSION} given: {value}. Allowed are {', '.join(_VERSIONS)}.")
    if config.HasField("oidc_token") and "@" not in config.oidc_token.service_account_email:
        raise invalid("An OIDC token needs the email of a service account.")


def _is_endpoint(url: str) -> bool:
    if len(url.encode()) > _MAX_ENDPOINT_BYTES or not url.isascii() or not url.isprintable():
        return False
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    good_port = port is None or port > 0
    return parts.scheme in _SCHEMES and bool(parts.hostname) and good_port and " " not in url
