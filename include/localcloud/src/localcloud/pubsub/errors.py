"""Errors of Pub/Sub in Google's wording, so that a log reads the same here and there."""

from localcloud.errors import GoogleError


def invalid(message: str) -> GoogleError:
    """400: the request itself is wrong."""
    return GoogleError.of(400, message)


def not_found(name: str) -> GoogleError:
    """404: no topic or subscription of that name."""
    return GoogleError.of(404, f"Resource not found (resource={_leaf(name)}).")


def already_exists(name: str) -> GoogleError:
    """409: the name is taken."""
    return GoogleError.of(409, f"Resource already exists in the project (resource={_leaf(name)}).")


def not_served(what: str) -> GoogleError:
    """501: a method or field of the API that this server does not have."""
    return GoogleError.of(501, f"{what} is not served by the local cloud.")


def _leaf(name: str) -> str:
    return name.rsplit("/", 1)[-1]
