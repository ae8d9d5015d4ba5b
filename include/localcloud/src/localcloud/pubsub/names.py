"""Resource names of Pub/Sub.

Source: https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names
"""

import re
import uuid

from localcloud.pubsub.errors import invalid

DELETED_TOPIC = "_deleted-topic_"
"""What a subscription shows as its topic once that topic was deleted (pubsub.proto)."""

_LEAF = r"(?!goog)[A-Za-z][A-Za-z0-9\-_.~+%]{2,254}"
# Wider than Google's projects, which have 6 to 30 characters; names travel in HTTP headers.
_PROJECT = r"projects/[A-Za-z0-9][A-Za-z0-9_.:-]*"
_PATTERNS = {
    kind: re.compile(rf"{_PROJECT}/{kind}/{_LEAF}")
    for kind in ("topics", "subscriptions", "snapshots")
}
_PROJECT_NAME = re.compile(_PROJECT)


def check_name(kind: str, name: str) -> None:
    """Raises INVALID_ARGUMENT unless `name` is a well-formed name of `kind` ("topics", …)."""
    if not _PATTERNS[kind].fullmatch(name):
        raise invalid(f"Invalid [{kind}] name: (name={name})")


def check_project(name: str) -> None:
    if not _PROJECT_NAME.fullmatch(name):
        raise invalid(f"Invalid [project] name: (name={name})")


def random_name(kind: str, sibling: str) -> str:
    """Return a free name of `kind` in the project of the resource `sibling`."""
    project = "/".join(sibling.split("/")[:2])
    return f"{project}/{kind}/{kind[0]}-{uuid.uuid4().hex}"
