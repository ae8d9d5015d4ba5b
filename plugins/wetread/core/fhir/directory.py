"""Who and what reports refer to: models, Wetread, the organization, the image store.

Each is looked for by its one identifier and written once if it is not there; none is ever updated,
and what a signed report refers to stays as it was. What would change it is part of the identifier.
"""

from __future__ import annotations

from wetread.core.canonical import digest
from wetread.core.dicom.ownership import MANUFACTURER
from wetread.core.fhir.elements import Resource, narrative, plain_text, without_absent
from wetread.core.fhir.identifiers import (
    ENDPOINT_SYSTEM,
    ORGANIZATION_SYSTEM,
    SOFTWARE_SYSTEM,
    Identifier,
    model_identifier,
)
from wetread.core.findings import AnalysisSource, StudyFindings
from wetread.core.terminology import concept
from wetread.core.version import VERSION

_NOTICE = "Not for clinical use."


def directory_identifier(resource: Resource) -> Identifier:
    """Return the identifier that a resource of this module is found by."""
    first = resource["identifier"][0]
    return Identifier(first["system"], first["value"])


def model_devices(findings: StudyFindings) -> dict[tuple[str, str, str], Resource]:
    """Return the Device of every model that a study's findings come from, by its identity."""
    return {a.source.identity: model_device(a.source) for a in findings.analyses}


def model_device(source: AnalysisSource) -> Resource:
    """Return the Device of one version of a model: of its weights and its container.

    The settings that it was asked with are no part of it; a Provenance names them.
    """
    return _software(
        model_identifier(source),
        source.name,
        [
            _version("", source.version),
            _version("weights", source.weights_digest),
            _version("container", source.container),
        ],
    )


def wetread_device() -> Resource:
    """Return the Device of Wetread itself, which makes reports of what models find."""
    return _software(
        Identifier(SOFTWARE_SYSTEM, f"{MANUFACTURER}/{VERSION}"),
        MANUFACTURER,
        [_version("", VERSION)],
        manufacturer=MANUFACTURER,
    )


def organization(name: str) -> Resource:
    """Return the organization that answers for the results; ``name`` is the site's setting."""
    return {
        "resourceType": "Organization",
        "text": narrative([f"{plain_text(name)}.", _NOTICE]),
        "identifier": [Identifier(ORGANIZATION_SYSTEM, plain_text(name)).as_fhir()],
        "active": True,
        "type": [concept("healthcare-provider").codeable()],
        "name": plain_text(name),
    }


def endpoint(dicomweb_url: str) -> Resource:
    """Return the Endpoint where the images are: ``dicomweb_url`` is absolute."""
    connection = concept("dicom-wado-rs")
    return {
        "resourceType": "Endpoint",
        "text": narrative([f"{connection.display}: images and AI results.", _NOTICE]),
        "identifier": [Identifier(ENDPOINT_SYSTEM, digest(dicomweb_url)[:32]).as_fhir()],
        "status": "active",
        "connectionType": connection.coding(),
        "name": "Images and AI results",
        "payloadType": [{"text": connection.display}],
        "payloadMimeType": ["application/dicom"],
        "address": dicomweb_url,
    }


def _software(
    identifier: Identifier, name: str, versions: list[Resource | None], manufacturer: str = ""
) -> Resource:
    return without_absent(
        {
            "resourceType": "Device",
            "text": narrative([f"Software {name}.", _NOTICE]),
            "identifier": [identifier.as_fhir()],
            "status": "active",
            "manufacturer": manufacturer,
            "deviceName": [{"name": name, "type": "model-name"}],
            "type": concept("software").codeable(),
            "version": [version for version in versions if version],
            "note": [{"text": _NOTICE}],
        }
    )


def _version(of: str, value: str) -> Resource | None:
    if not value:
        return None
    return without_absent({"type": {"text": of} if of else None, "value": value})
