"""The permission that each request of a bundle needs, beside executeBundle for the whole.

Source: https://docs.cloud.google.com/healthcare-api/docs/access-control#fhir_store_methods
"""

from __future__ import annotations

from localcloud.auth.caller import current
from localcloud.errors import GoogleError
from localcloud.healthcare.fhir.entries import Entry
from localcloud.healthcare.fhir.outcomes import FhirError

_PERMISSIONS = {
    "GET": "healthcare.fhirResources.get",
    "POST": "healthcare.fhirResources.create",
    "PUT": "healthcare.fhirResources.update",
    "PATCH": "healthcare.fhirResources.patch",
    "DELETE": "healthcare.fhirResources.delete",
}


def require_permission(entry: Entry, store: str) -> None:
    """Do nothing when the caller may make an entry's request by itself.

    Raises
    ------
    FhirError
        403, located in the bundle.
    """
    try:
        current().require(_PERMISSIONS[entry.verb], store)
        if entry.criterion is not None:
            current().require("healthcare.fhirStores.searchResources", store)
    except GoogleError as error:
        raise FhirError(403, "security", "permission_denied", error.message).at(
            entry.place
        ) from error
