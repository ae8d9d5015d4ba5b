"""Resource names of models, their versions and endpoints, and the ids in them.

Source: https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.models and
https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.endpoints
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import Any

from localcloud.errors import GoogleError, invalid_argument

DEFAULT_ALIAS = "default"
MODEL_ID = re.compile(r"[a-z_][a-z0-9_-]{0,62}")
ENDPOINT_ID = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?|[1-9][0-9]{0,8}")
DEPLOYED_MODEL_ID = re.compile(r"[0-9]{1,10}")
ALIAS = re.compile(r"[a-z][a-z0-9-]{0,126}[a-z0-9]")
_LABEL_KEY = re.compile(r"[^\W\dA-Z_][\w-]{0,63}")
_LABEL_VALUE = re.compile(r"[\w-]{0,64}")
_MAX_DISPLAY_NAME = 128
_MAX_LABELS = 64


def new_id() -> str:
    """Return an id as Google generates them: 19 digits."""
    return str(secrets.randbelow(9 * 10**18) + 10**18)


def split_version(name: str) -> tuple[str, str]:
    """Split ``.../models/M@version`` into the model and the version or alias; none is default."""
    model, _, version = name.partition("@")
    return model, version or DEFAULT_ALIAS


def location_of(name: str) -> str:
    """Return ``projects/P/locations/L`` of a resource name."""
    return "/".join(name.split("/")[:4])


def wrong_field(field: str, message: str) -> GoogleError:
    """400 in the words with which Vertex AI names a field."""
    return invalid_argument(f"List of found errors:\t1.Field: {field}; Message: {message}\t")


def missing(what: str, name: str) -> GoogleError:
    """404 for a model, version or endpoint."""
    return GoogleError.of(404, f"The {what} `{name}` does not exist.")


def precondition(message: str) -> GoogleError:
    """400 FAILED_PRECONDITION: the request is right, the resource is in the wrong state."""
    return GoogleError(400, "FAILED_PRECONDITION", message)


def check_common(resource: Mapping[str, Any], what: str) -> None:
    """Check the fields that models and endpoints share.

    Raises
    ------
    GoogleError
        400 for a display name that is absent or too long, and for labels that cannot be.
    """
    name = resource.get("displayName")
    if not name:
        raise wrong_field(f"{what}.display_name", "Required field is not set.")
    if len(str(name)) > _MAX_DISPLAY_NAME:
        raise wrong_field(f"{what}.display_name", f"At most {_MAX_DISPLAY_NAME} characters.")
    labels = resource.get("labels") or {}
    if len(labels) > _MAX_LABELS:
        raise wrong_field(f"{what}.labels", f"At most {_MAX_LABELS} labels.")
    for key, value in labels.items():
        good = _LABEL_KEY.fullmatch(key) and _LABEL_VALUE.fullmatch(str(value))
        if not good or key != key.lower() or value != str(value).lower():
            raise wrong_field(
                f"{what}.labels", f"{key!r}: lowercase letters, digits, '_' and '-' only."
            )
