"""R4 itself as tables: elements, search parameters, patient compartment.

The data is HL7's (see ``distil.py``); this module only gives it names.
Source: https://hl7.org/fhir/R4/downloads.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Element:
    """One JSON property of a type; ``choice`` is the ``value[x]`` it is a variant of."""

    type: str
    required: bool = False
    many: bool = False
    choice: str = ""
    targets: tuple[str, ...] = ()

    @property
    def is_primitive(self) -> bool:
        return self.type[0].islower()


@dataclass(frozen=True)
class SearchParameter:
    """Where a search parameter's values are; no targets means that any type may be referred to.

    A path is element names joined by dots; ``telecom[system=phone]`` keeps the items that match.
    A composite has ``components`` instead, which must match in one place.
    """

    name: str
    type: str
    paths: tuple[tuple[str, str], ...] = ()
    targets: tuple[str, ...] = ()
    components: tuple[SearchParameter, ...] = ()


# The composite parameters that the Healthcare API serves for R4, by the parameters they join.
# Source: https://cloud.google.com/healthcare-api/docs/fhir
COMPOSITES: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "DocumentReference": {"relationship": ("relation", "relatesto")},
    "Observation": {
        "code-value-concept": ("code", "value-concept"),
        "code-value-date": ("code", "value-date"),
        "code-value-quantity": ("code", "value-quantity"),
        "code-value-string": ("code", "value-string"),
        "combo-code-value-concept": ("combo-code", "combo-value-concept"),
        "combo-code-value-quantity": ("combo-code", "combo-value-quantity"),
        "component-code-value-concept": ("component-code", "component-value-concept"),
        "component-code-value-quantity": ("component-code", "component-value-quantity"),
    },
}
# Found by words, in the narrative and in everything that is searchable.
_WORD_PARAMETERS = ("_text", "_content")


@dataclass(frozen=True)
class Definitions:
    """Everything the store knows of R4."""

    resource_types: frozenset[str]
    elements: Mapping[str, Mapping[str, Element]]
    search: Mapping[str, Mapping[str, SearchParameter]]
    patient_compartment: Mapping[str, tuple[str, ...]]

    def has_identifier(self, resource_type: str) -> bool:
        """Whether conditional interactions are possible: they search by ``identifier`` only."""
        return "identifier" in self.search[resource_type]


@cache
def load() -> Definitions:
    """Read the tables once a process."""
    data = json.loads((files(__package__) / "definitions.json").read_text("utf-8"))
    return Definitions(
        resource_types=frozenset(data["resources"]),
        elements={
            name: {key: _element(row) for key, row in table.items()}
            for name, table in data["types"].items()
        },
        search={name: _search_table(name, table) for name, table in data["search"].items()},
        patient_compartment={
            name: tuple(parameters) for name, parameters in data["patient_compartment"].items()
        },
    )


def _element(row: Json) -> Element:
    return Element(**(row | {"targets": tuple(row.get("targets", ()))}))


def _search_table(resource_type: str, rows: Json) -> dict[str, SearchParameter]:
    table = {key: _search_parameter(key, row) for key, row in rows.items()}
    table |= {name: SearchParameter(name, "string") for name in _WORD_PARAMETERS}
    for name, components in COMPOSITES.get(resource_type, {}).items():
        joined = tuple(table[component] for component in components)
        table[name] = SearchParameter(name, "composite", components=joined)
    return table


def _search_parameter(name: str, row: Json) -> SearchParameter:
    paths = tuple((path, datatype) for path, datatype in row["paths"])
    return SearchParameter(name, row["type"], paths, tuple(row.get("targets", ())))
