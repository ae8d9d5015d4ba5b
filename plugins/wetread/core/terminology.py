"""The codes that Wetread writes, in one table that one person can review."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from itertools import product
from types import MappingProxyType
from typing import Any, Final, NamedTuple

UNKNOWN_MODALITY: Final = "unknown"
"""Stands for a modality that is absent or not one of DICOM's, wherever text leaves the stores."""


@dataclass(frozen=True)
class Concept:
    """One code of one code system."""

    system: str
    code: str
    display: str
    designator: str = field(default="", compare=False)
    """DICOM's name of the code system (PS3.16 section 8); "" where DICOM does not use it."""

    def coded(self) -> tuple[str, str, str]:
        """Return Code Value, Coding Scheme Designator and Code Meaning (PS3.3 section 8).

        Raises
        ------
        ValueError
            The code is of a system that DICOM objects do not use.
        """
        if not self.designator:
            raise ValueError(f"{self.code} has no DICOM coding scheme")
        return self.code, self.designator, self.display

    def coding(self) -> dict[str, Any]:
        """Return the FHIR ``Coding``."""
        return {"system": self.system, "code": self.code, "display": self.display}

    def codeable(self, text: str | None = None) -> dict[str, Any]:
        """Return the FHIR ``CodeableConcept``; ``text`` replaces the display as its wording."""
        return {"coding": [self.coding()], "text": text or self.display}


@dataclass(frozen=True)
class FindingConcept(Concept):
    """What a specialised model may find: its name in reports, its body site if it has one.

    ``category`` is the kind of thing that a segment of it shows (PS3.3 C.8.20.2, Segmented Property
    Category Code Sequence).
    """

    label: str = field(kw_only=True)
    category: Concept = field(kw_only=True)
    site: Concept | None = None


@dataclass(frozen=True)
class Terminology:
    """The whole table, resolved to concepts."""

    systems: Mapping[str, str]
    concepts: Mapping[str, Concept]
    findings: Mapping[str, FindingConcept]
    measures: Mapping[str, frozenset[str]]
    units: Mapping[str, Concept]
    modalities: Mapping[str, Concept]
    body_parts: Mapping[str, Concept]
    procedures: Mapping[tuple[str, str], Concept]

    def all_concepts(self) -> Iterator[Concept]:
        """Yield every concept of the table; some stand in it more than once."""
        for part in (
            self.concepts,
            self.findings,
            self.units,
            self.modalities,
            self.body_parts,
            self.procedures,
        ):
            yield from part.values()


@cache
def terminology() -> Terminology:
    """Return the table that ships with Wetread."""
    return read_terminology(
        files("wetread.core").joinpath("terminology.toml").read_text(encoding="utf-8")
    )


def read_terminology(text: str) -> Terminology:
    """Read a table of the form of ``terminology.toml``.

    Raises
    ------
    KeyError
        A row lacks a field or names a system that the table does not define.
    ValueError
        A row is empty, has no source, or gives a modality and body part their second procedure; a
        procedure is of a body part that is not listed.
    """
    table = tomllib.loads(text)
    systems = {name: _System(**row) for name, row in table["system"].items()}
    concepts = {name: _concept(systems, row) for name, row in table["concept"].items()}
    rows = [*table["concept"].items(), *table["finding"].items()]
    if unsourced := [name for name, row in rows if not row["source"]]:
        raise ValueError(f"without a source: {unsourced}")
    return Terminology(
        systems=MappingProxyType({name: row.uri for name, row in systems.items()}),
        concepts=MappingProxyType(concepts),
        findings=MappingProxyType(
            {name: _finding(systems, concepts, row) for name, row in table["finding"].items()}
        ),
        measures=MappingProxyType(
            {name: frozenset(units) for name, units in table["measure"].items() if concepts[name]}
        ),
        units=MappingProxyType({unit: concepts[name] for unit, name in table["unit"].items()}),
        modalities=MappingProxyType(
            {
                code: _concept(systems, {"system": "dcm", "code": code, "display": display})
                for code, display in table["modality"].items()
            }
        ),
        body_parts=MappingProxyType(
            {
                name: _concept(systems, {"system": "sct", **row})
                for name, row in table["body_part"].items()
            }
        ),
        procedures=MappingProxyType(_procedures(systems, table["body_part"], table["procedure"])),
    )


class _System(NamedTuple):
    uri: str
    designator: str


def _concept(systems: Mapping[str, _System], row: Mapping[str, str]) -> Concept:
    system = systems[row["system"]]
    concept = Concept(system.uri, row["code"], row["display"], system.designator)
    if not (concept.system and concept.code and concept.display):
        raise ValueError(f"empty field in {dict(row)}")
    return concept


def _finding(
    systems: Mapping[str, _System], concepts: Mapping[str, Concept], row: Mapping[str, str]
) -> FindingConcept:
    known = _concept(systems, row)
    site = concepts[row["site"]] if row["site"] else None
    return FindingConcept(
        known.system,
        known.code,
        known.display,
        known.designator,
        label=row["label"],
        category=concepts[row["category"]],
        site=site,
    )


def _procedures(
    systems: Mapping[str, _System], body_parts: Collection[str], groups: Iterable[Mapping[str, Any]]
) -> dict[tuple[str, str], Concept]:
    found: dict[tuple[str, str], Concept] = {}
    for group in groups:
        if not group["source"]:
            raise ValueError(f"without a source: procedures of {group['modalities']}")
        for row in group["codes"]:
            concept = _concept(
                systems, {"system": "loinc", "code": row["code"], "display": row["display"]}
            )
            for modality, body_part in product(group["modalities"], row["body_parts"]):
                if (modality, body_part) in found or body_part not in body_parts:
                    raise ValueError(f"two procedures, or no body part: {modality} {body_part}")
                found[modality, body_part] = concept
    return found


def concept(name: str) -> Concept:
    """Return the concept that the table calls ``name``.

    Raises
    ------
    KeyError
        The table has no such concept.
    """
    return terminology().concepts[name]


def finding_concept(code: str) -> FindingConcept:
    """Return the concept of a finding code, such as ``pneumothorax``.

    Raises
    ------
    KeyError
        The table has no such finding.
    """
    return terminology().findings[code]


def is_measure(name: str, unit: str) -> bool:
    """Tell whether the table has a measurement of that name in that unit."""
    return unit in terminology().measures.get(name, ())


def unit_concept(unit: str) -> Concept:
    """Return the concept of a unit, such as ``mm``.

    Raises
    ------
    KeyError
        The table has no such unit.
    """
    return terminology().units[unit]


def system(name: str) -> str:
    """Return the URI of the code system that the table calls ``name``.

    Raises
    ------
    KeyError
        The table has no such system.
    """
    return terminology().systems[name]


def modality_concept(modality: str | None) -> Concept:
    """Return the code of a series' modality; never fails, because FHIR requires one.

    A value that DICOM does not define is not repeated: (0008,0060) is free to hold anything, a
    patient's name included.
    """
    if not modality:
        return concept("modality-not-given")
    return terminology().modalities.get(modality) or concept("modality-not-known")


def public_modality(modality: str | None) -> str:
    """Return ``modality`` if DICOM defines it, else "unknown"; safe in alerts, events and logs."""
    if modality and modality in terminology().modalities:
        return modality
    return UNKNOWN_MODALITY


def public_modalities(modalities: Iterable[str | None]) -> str:
    """Return the modalities of a study as one label, such as ``CT`` or ``CT+PT``."""
    return "+".join(sorted({public_modality(m) for m in modalities})) or UNKNOWN_MODALITY


def body_part_concept(body_part: str | None) -> Concept | None:
    """Return the code of a Body Part Examined value, if the table knows it."""
    return terminology().body_parts.get(body_part) if body_part else None


def procedure_concept(modalities: Collection[str], body_parts: Collection[str]) -> Concept:
    """Return the LOINC code of a study; specific only where it has one modality and one part."""
    general = concept("diagnostic-imaging-study")
    if len(modalities) != 1 or len(body_parts) != 1:
        return general
    (modality,), (body_part,) = modalities, body_parts
    return terminology().procedures.get((modality, body_part), general)
