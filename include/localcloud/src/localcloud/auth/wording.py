"""Refusals in the words of the service that refuses.

Sources: https://docs.cloud.google.com/iam/docs/permission-error-messages,
https://cloud.google.com/storage/docs/json_api/v1/status-codes and
https://cloud.google.com/apis/design/errors#error_info
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from localcloud.errors import GoogleError

ERROR_INFO = "type.googleapis.com/google.rpc.ErrorInfo"
CHALLENGE = 'Bearer realm="https://accounts.google.com/"'
INVALID_CHALLENGE = f'{CHALLENGE}, error="invalid_token"'

_EXPECTED = (
    "Expected OAuth 2 access token, login cookie or other valid authentication credential. See "
    "https://developers.google.com/identity/sign-in/web/devconsole-project."
)


def missing(api: str, method_id: str) -> GoogleError:
    """401: the call carries no token."""
    message = f"Request is missing required authentication credential. {_EXPECTED}"
    return _unauthenticated(message, "CREDENTIALS_MISSING", api, method_id)


def rejected(api: str, method_id: str, *, expired: bool) -> GoogleError:
    """401: the call's token is unknown or no longer valid."""
    if api == "storage":
        return GoogleError.of(HTTPStatus.UNAUTHORIZED, "Invalid Credentials", "authError")
    reason = "ACCESS_TOKEN_EXPIRED" if expired else "ACCESS_TOKEN_TYPE_UNSUPPORTED"
    message = f"Request had invalid authentication credentials. {_EXPECTED}"
    return _unauthenticated(message, reason, api, method_id)


def denied(email: str, permission: str, resource: str) -> GoogleError:
    """403: the caller lacks a permission, whether or not the resource exists.

    An anonymous caller of Cloud Storage gets 401 with the same words.
    """
    api = permission.partition(".")[0]
    message = _MESSAGES.get(api, _usual)(email or "Anonymous caller", permission, resource)
    if api == "storage" and not email:
        return GoogleError.of(HTTPStatus.UNAUTHORIZED, message, "required")
    reason = "USER_PROJECT_DENIED" if api == "serviceusage" else "IAM_PERMISSION_DENIED"
    domain = "googleapis.com" if api == "serviceusage" else f"{api}.googleapis.com"
    metadata = {"permission": permission, "resource": resource}
    if api == "serviceusage":
        metadata = {"consumer": resource, "containerInfo": resource.removeprefix("projects/")}
    return GoogleError(
        403,
        "PERMISSION_DENIED",
        message,
        "forbidden",
        details=[_error_info(reason, domain, metadata)],
    )


def _unauthenticated(message: str, reason: str, api: str, method_id: str) -> GoogleError:
    metadata = {"service": f"{api}.googleapis.com", "method": method_id}
    details = [_error_info(reason, "googleapis.com", metadata)]
    return GoogleError(401, "UNAUTHENTICATED", message, "required", details=details)


def _error_info(reason: str, domain: str, metadata: Mapping[str, str]) -> dict[str, Any]:
    return {"@type": ERROR_INFO, "reason": reason, "domain": domain, "metadata": dict(metadata)}


def _usual(_: str, permission: str, resource: str) -> str:
    return f"Permission '{permission}' denied on resource '{resource}' (or it may not exist)."


def _storage(who: str, permission: str, resource: str) -> str:
    what = "Google Cloud project"
    if resource.startswith("projects/_/"):
        of_bucket = permission.startswith("storage.buckets.") or permission.endswith(".list")
        what = f"Google Cloud Storage {'bucket' if of_bucket else 'object'}"
    return (
        f"{who} does not have {permission} access to the {what}. "
        f"Permission '{permission}' denied on resource (or it may not exist)."
    )


def _pubsub(_who: str, _permission: str, _resource: str) -> str:
    return "User not authorized to perform this action."


def _secretmanager(_: str, permission: str, resource: str) -> str:
    return f"Permission '{permission}' denied for resource '{resource}' (or it may not exist)."


def _aiplatform(who: str, permission: str, resource: str) -> str:
    return _usual(who, permission, f"//aiplatform.googleapis.com/{resource}")


def _iam(_who: str, permission: str, _resource: str) -> str:
    return f"Permission '{permission}' denied on resource (or it may not exist)."


def _serviceusage(_who: str, permission: str, resource: str) -> str:
    project = resource.removeprefix("projects/")
    return (
        f"Caller does not have required permission to use project {project}. Grant the caller the "
        "roles/serviceusage.serviceUsageConsumer role, or a custom role with the "
        f"{permission} permission, and then retry."
    )


_MESSAGES: Mapping[str, Callable[[str, str, str], str]] = {
    "storage": _storage,
    "pubsub": _pubsub,
    "secretmanager": _secretmanager,
    "aiplatform": _aiplatform,
    "iam": _iam,
    "serviceusage": _serviceusage,
}
