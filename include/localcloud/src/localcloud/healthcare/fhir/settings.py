"""What the configuration of a FHIR store means to the requests it serves.

Source: the FhirStore schema of the healthcare.v1 discovery document
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from localcloud.healthcare.fhir.validation import Checks


@dataclass(frozen=True)
class Destination:
    """One Pub/Sub topic that hears of changes."""

    topic: str
    send_full_resource: bool = False
    send_previous_on_delete: bool = False


@dataclass(frozen=True)
class StoreSettings:
    """A FHIR store as its ``fhirStores`` resource configures it.

    ``base`` is the URL of its ``fhir`` path, from configuration and never from a Host header.
    """

    name: str
    base: str
    checks: Checks
    destinations: tuple[Destination, ...]
    referential_integrity: bool = True
    versioning: bool = True
    update_create: bool = False
    strict_search: bool = False
    references_in_extensions: bool = True
    bulk_export_uri: str = ""

    @classmethod
    def of(cls, store: Mapping[str, Any], base_url: str) -> StoreSettings:
        """Read a FhirStore; what is absent has Google's default."""
        return cls(
            name=store["name"],
            base=f"{base_url}/v1/{store['name']}/fhir",
            checks=Checks.of(store),
            destinations=_destinations(store),
            referential_integrity=not store.get("disableReferentialIntegrity", False),
            versioning=not store.get("disableResourceVersioning", False),
            update_create=store.get("enableUpdateCreate", False),
            strict_search=store.get("defaultSearchHandlingStrict", False),
            references_in_extensions=store.get("complexDataTypeReferenceParsing") != "DISABLED",
            bulk_export_uri=store.get("bulkExportGcsDestination", {}).get("uriPrefix", ""),
        )


def _destinations(store: Mapping[str, Any]) -> tuple[Destination, ...]:
    found = [
        Destination(
            config["pubsubTopic"],
            config.get("sendFullResource", False),
            config.get("sendPreviousResourceOnDelete", False),
        )
        for config in store.get("notificationConfigs", [])
        if config.get("pubsubTopic")
    ]
    # The deprecated single form, still accepted by the API, never sends a resource.
    if topic := store.get("notificationConfig", {}).get("pubsubTopic"):
        found.append(Destination(topic))
    return tuple(found)
