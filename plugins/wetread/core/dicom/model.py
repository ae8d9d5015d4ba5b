"""How DICOM objects name the model that they come from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wetread.core.dicom.ownership import MANUFACTURER
from wetread.core.dicom.uids import derive_uid
from wetread.core.findings import AnalysisSource
from wetread.core.terminology import Concept, concept

if TYPE_CHECKING:
    from highdicom import AlgorithmIdentificationSequence
    from highdicom.coding_schemes import CodingSchemeIdentificationItem
    from highdicom.sr import (
        AlgorithmIdentification,
        CodedConcept,
        ObserverContext,
    )

LONG_STRING_CHARACTERS = 64
"""The length of LO (PS3.5 table 6.2-1)."""

_SHA_256 = "sha256:"


def printable(text: str) -> str:
    """Return ``text`` in one line, without what separates values or controls a printer."""
    return "".join(c if c.isprintable() and c != "\\" else "?" for c in text).strip()


def long_string(text: str) -> str:
    """Return ``text`` as a value of LO."""
    return printable(text)[:LONG_STRING_CHARACTERS].strip()


def code(of: Concept) -> CodedConcept:
    """Return a concept of the terminology table as highdicom takes it."""
    from highdicom.sr import CodedConcept

    return CodedConcept(*of.coded())


def equipment(source: AnalysisSource) -> dict[str, str]:
    """Return highdicom's arguments for General Equipment (PS3.3 C.7.5.1)."""
    return {
        "manufacturer": MANUFACTURER,
        "manufacturer_model_name": long_string(source.name),
        "software_versions": _version(source),
    }


def enhanced_equipment(source: AnalysisSource) -> dict[str, str]:
    """Return the same for Enhanced General Equipment (PS3.3 C.7.5.2), which wants a serial number.

    What tells one copy of a model from another are its weights, or the settings where a service
    does not say which weights answered.
    """
    digest = source.weights_digest or source.settings_digest
    serial_number = long_string(digest.removeprefix(_SHA_256))
    return {**equipment(source), "device_serial_number": serial_number}


def algorithm(source: AnalysisSource) -> AlgorithmIdentification:
    """Return the model as a structured report names it (PS3.16 TID 4019)."""
    from highdicom.sr import AlgorithmIdentification

    return AlgorithmIdentification(
        name=long_string(source.name),
        version=_version(source),
        parameters=[f"{name} {digest}" for name, digest in _digests(source).items()],
        family=code(concept("artificial-intelligence")),
        manufacturer=MANUFACTURER,
    )


def algorithm_sequence(source: AnalysisSource) -> AlgorithmIdentificationSequence:
    """Return the model as segments and annotations name it (PS3.3 section 10.16)."""
    from highdicom import AlgorithmIdentificationSequence

    return AlgorithmIdentificationSequence(
        name=long_string(source.name),
        family=code(concept("artificial-intelligence")),
        version=_version(source),
        source=MANUFACTURER,
        parameters=_digests(source),
    )


def observer(source: AnalysisSource) -> ObserverContext:
    """Return the model as the observer of a document (PS3.16 TID 1004): a device, not a person."""
    from highdicom.sr import DeviceObserverIdentifyingAttributes, ObserverContext

    attributes: dict[str, Any] = {
        "uid": derive_uid("device", *source.identity),
        "name": long_string(source.name),
        "manufacturer_name": MANUFACTURER,
        "model_name": long_string(f"{source.name} {_version(source)}"),
    }
    return ObserverContext(
        observer_type=code(concept("device-observer")),
        observer_identifying_attributes=DeviceObserverIdentifyingAttributes(**attributes),
    )


def _version(source: AnalysisSource) -> str:
    """Return the model's version; a service may answer without saying it, and DICOM wants one."""
    return long_string(source.version) or "unknown"


def _digests(source: AnalysisSource) -> dict[str, str]:
    """Return what tells this model from all others: settings, weights and containers."""
    containers = [uri.rpartition("@")[2] for uri in source.container.split("+") if "@" in uri]
    digests = {
        "settings": _SHA_256 + source.settings_digest,
        "weights": source.weights_digest,
        "container": "+".join(containers),
    }
    return {name: digest for name, digest in digests.items() if digest}


def coding_schemes() -> list[CodingSchemeIdentificationItem]:
    """Return who defines the codes that are in no public list (PS3.3 C.12.1.1.7)."""
    from highdicom.coding_schemes import CodingSchemeIdentificationItem

    return [
        CodingSchemeIdentificationItem(
            designator=concept("anomaly-candidate").designator,
            name="Wetread: results of AI on images",
            responsible_organization=MANUFACTURER,
        )
    ]
