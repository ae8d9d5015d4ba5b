"""Errors of Pub/Sub in Google's wording, so that a log reads the same here and there."""

from collections.abc import Sequence

from localcloud.errors import GoogleError


def invalid(message: str) -> GoogleError:
    """400: the request itself is wrong."""
    return GoogleError.of(400, message)


def failed_precondition(message: str) -> GoogleError:
    """400 FAILED_PRECONDITION: the request is right, the resource's state is not."""
    return GoogleError(400, "FAILED_PRECONDITION", message)


def not_found(name: str) -> GoogleError:
    """404: no topic or subscription of that name."""
    return GoogleError.of(404, f"Resource not found (resource={_leaf(name)}).")


def already_exists(name: str) -> GoogleError:
    """409: the name is taken."""
    return GoogleError.of(409, f"Resource already exists in the project (resource={_leaf(name)}).")


def not_served(what: str) -> GoogleError:
    """501: a method or field of the API that this server does not have."""
    return GoogleError.of(501, f"{what} is not served by the local cloud.")


def malformed_ack_id(ack_id: str) -> GoogleError:
    """400: what was never an ack id."""
    return invalid(f"You have passed an invalid ack ID to the service (ack_id={ack_id}).")


def failed_ack_ids(ack_ids: Sequence[str]) -> GoogleError:
    """400 of an exactly-once subscription, naming each ack id that is no longer valid.

    Clients read the outcome of each message from the metadata.
    Source: https://cloud.google.com/pubsub/docs/exactly-once-delivery and
    https://github.com/googleapis/nodejs-pubsub/issues/1951
    """
    return GoogleError(
        400,
        "INVALID_ARGUMENT",
        "Some acknowledgement ids in the request were invalid. This could be because the "
        "acknowledgement ids have expired or the acknowledgement ids were malformed.",
        details=[
            {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "EXACTLY_ONCE_ACKID_FAILURE",
                "domain": "pubsub.googleapis.com",
                "metadata": dict.fromkeys(ack_ids, "PERMANENT_FAILURE_INVALID_ACK_ID"),
            }
        ],
    )


def _leaf(name: str) -> str:
    return name.rsplit("/", 1)[-1]
