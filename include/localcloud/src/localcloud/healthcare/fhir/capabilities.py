"""The capability statement of a store.

Source: https://hl7.org/fhir/R4/capabilitystatement.html and fhir.capabilities of healthcare.v1
"""

from __future__ import annotations

from localcloud.healthcare.fhir.definitions import Definitions, Json
from localcloud.healthcare.fhir.settings import StoreSettings

_INTERACTIONS = ("create", "read", "vread", "update", "patch", "delete", "history-instance")


def capability_statement(settings: StoreSettings, definitions: Definitions) -> Json:
    """Describe what the store serves, as configured."""
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2019-11-01",
        "kind": "instance",
        "software": {"name": "Local cloud FHIR store"},
        "implementation": {"description": "FHIR R4 store", "url": settings.base},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json"],
        "patchFormat": ["application/json-patch+json"],
        "rest": [
            {
                "mode": "server",
                "interaction": [
                    {"code": code} for code in ("transaction", "batch", "search-system")
                ],
                "resource": [
                    _resource(settings, definitions, name)
                    for name in sorted(definitions.resource_types)
                ],
            }
        ],
    }


def _resource(settings: StoreSettings, definitions: Definitions, name: str) -> Json:
    conditional = definitions.has_identifier(name)
    return {
        "type": name,
        "interaction": [{"code": code} for code in (*_INTERACTIONS, "search-type")],
        "versioning": "versioned-update" if settings.versioning else "no-version",
        "readHistory": settings.versioning,
        "updateCreate": settings.update_create,
        "conditionalCreate": conditional,
        "conditionalRead": "full-support",
        "conditionalUpdate": conditional,
        "conditionalDelete": "single" if conditional else "not-supported",
        "referencePolicy": ["literal", "logical"]
        + (["enforced"] if settings.referential_integrity else []),
        "searchParam": [
            {"name": parameter.name, "type": parameter.type}
            for _, parameter in sorted(definitions.search[name].items())
        ],
    }
