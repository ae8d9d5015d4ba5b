"""Distil HL7's R4 package into the one data file this store reads.

`hl7.fhir.r4.core` (4.0.1, CC0-1.0) is 4 500 files and 60 MB; a store needs three tables of it: the
elements of every type, the search parameters of every resource type, and who is in the patient
compartment. Run once per FHIR release, never at run time:

    python -m localcloud.healthcare.fhir.distil hl7.fhir.r4.core.tgz > definitions.json
"""

from __future__ import annotations

import json
import re
import sys
import tarfile
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]

_TYPE_CODE_EXTENSION = "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type"
_RESOURCE_URL = "http://hl7.org/fhir/StructureDefinition/"
_INDEXED = {"token", "string", "reference", "date", "quantity", "number", "uri"}
# A reference that may be to any of this many types may be to any type.
_ANY_TYPE_COUNT = 100

# An expression of a search parameter is FHIRPath; R4 uses these few forms of it.
_AS = re.compile(r"^\((?P<path>.+) as (?P<type>\w+)\)(?P<rest>\..+)?$")
_AS_FUNCTION = re.compile(r"\.(?:as|ofType)\((?P<type>\w+)\)")
_RESOLVES = re.compile(r"\.where\(resolve\(\) is (?P<type>\w+)\)$")
_WHERE = re.compile(r"\.where\((?P<name>\w+)='(?P<value>[\w-]+)'\)")
_PLAIN = re.compile(r"^\w+(\.\w+(\[\w+=[\w-]+\])?)+$")


def _documents(archive: str, prefix: str) -> Iterator[Json]:
    with tarfile.open(archive) as tar:
        for member in sorted(tar.getmembers(), key=lambda item: item.name):
            if member.name.startswith(f"package/{prefix}-") and (file := tar.extractfile(member)):
                yield json.load(file)


def _type_code(entry: Json) -> str:
    for extension in entry.get("extension", []):
        if extension["url"] == _TYPE_CODE_EXTENSION:
            return str(extension["valueUrl"])
    return str(entry["code"]).removeprefix("http://hl7.org/fhirpath/System.")


def _targets(entry: Json) -> list[str]:
    names = [url.removeprefix(_RESOURCE_URL) for url in entry.get("targetProfile", [])]
    return [] if "Resource" in names else sorted(names)


def _element_types(element: Json, nested: set[str]) -> list[tuple[str, list[str]]]:
    if "contentReference" in element:
        return [(element["contentReference"].removeprefix("#"), [])]
    if element["path"] in nested:
        return [(element["path"], [])]
    return [(_type_code(entry), _targets(entry)) for entry in element.get("type", [])]


def _structure(document: Json) -> dict[str, Json]:
    """Element tables of one StructureDefinition, keyed by type name or by nested path."""
    elements = document["snapshot"]["element"]
    nested = {parent for item in elements if (parent := item["path"].rpartition(".")[0])}
    tables: dict[str, Json] = {}
    for element in elements[1:]:
        owner, _, name = element["path"].rpartition(".")
        types = _element_types(element, nested)
        row: Json = {"required": True} if element["min"] else {}
        row |= {"many": True} if element["max"] != "1" else {}
        table = tables.setdefault(owner, {})
        if not name.endswith("[x]"):
            code, targets = types[0]
            table[name] = row | {"type": code} | ({"targets": targets} if targets else {})
            continue
        for code, targets in types:
            choice = name[:-3] + code[0].upper() + code[1:]
            row_of_choice = row | {"type": code, "choice": name}
            table[choice] = row_of_choice | ({"targets": targets} if targets else {})
    return tables


def _base_types(archive: str) -> tuple[dict[str, Json], list[str]]:
    types: dict[str, Json] = {}
    resources: list[str] = []
    for document in _documents(archive, "StructureDefinition"):
        kind, name = document["kind"], document["type"]
        if document["name"] != name or kind not in {"resource", "complex-type"}:
            continue
        types |= _structure(document)
        if kind == "resource" and not document["abstract"]:
            resources.append(name)
    return types, sorted(resources)


def _variants(name: str, table: Json) -> list[str]:
    if name in table:
        return [name]
    return [key for key, row in table.items() if row.get("choice") == f"{name}[x]"]


def _paths(expression: str, types: dict[str, Json]) -> list[tuple[str, str]]:
    """(element path without the resource name, its type) for every branch of a plain path."""
    root, *steps = expression.split(".")
    branches = [("", root)]
    for step in steps:
        name = step.partition("[")[0]
        grown = []
        for path, owner in branches:
            table = types.get(owner, {})
            for key in _variants(name, table):
                label = key + step[len(name) :]
                grown.append((f"{path}.{label}".lstrip("."), table[key]["type"]))
        branches = grown
    return branches


def _simplify(part: str) -> tuple[str, str | None]:
    """Rewrite one branch of an expression as a plain path; also the only type it may refer to."""
    if match := _AS.match(part):
        suffix = match["type"][0].upper() + match["type"][1:]
        part = match["path"] + suffix + (match["rest"] or "")
    part = _AS_FUNCTION.sub(lambda hit: hit["type"][0].upper() + hit["type"][1:], part)
    target = match["type"] if (match := _RESOLVES.search(part)) else None
    part = _RESOLVES.sub("", part)
    return _WHERE.sub(lambda hit: f"[{hit['name']}={hit['value']}]", part), target


def _search_parameters(archive: str, types: dict[str, Json], resources: list[str]) -> Json:
    table: Json = {name: {} for name in resources}
    for document in _documents(archive, "SearchParameter"):
        if document["type"] not in _INDEXED or "expression" not in document:
            continue
        # Extension parameters are in no base specification; Google serves no phonetic matching.
        if "-ext" in document["id"] or document["code"] == "phonetic":
            continue
        for part in re.split(r"\s*\|\s*", document["expression"]):
            path, only = _simplify(part)
            owner = path.partition(".")[0]
            bases = resources if owner == "Resource" else [owner]
            if not _PLAIN.match(path):
                continue
            for base in bases:
                if base not in table or not (found := _paths(base + path[len(owner) :], types)):
                    continue
                row = table[base].setdefault(document["code"], {"type": document["type"]})
                row.setdefault("paths", []).extend(
                    item for item in found if item not in row["paths"]
                )
                targets = [only] if only else sorted(document.get("target", []))
                if 0 < len(targets) < _ANY_TYPE_COUNT and document["type"] == "reference":
                    row["targets"] = sorted({*row.get("targets", []), *targets})
    return table


def _patient_compartment(archive: str) -> Json:
    for document in _documents(archive, "CompartmentDefinition"):
        if document["id"] == "patient":
            rows = document["resource"]
            return {row["code"]: row["param"] for row in rows if row.get("param")}
    raise SystemExit("the package has no patient compartment: is it hl7.fhir.r4.core?")


def main(archive: str) -> None:
    types, resources = _base_types(archive)
    tables: Json = {
        "resources": dict.fromkeys(resources, True),
        "types": types,
        "search": _search_parameters(archive, types, resources),
        "patient_compartment": _patient_compartment(archive),
    }
    lines = [
        f' "{title}": {{\n'
        + ",\n".join(f"  {json.dumps(key)}: {json.dumps(row)}" for key, row in sorted(rows.items()))
        + "\n }"
        for title, rows in tables.items()
    ]
    source = json.dumps("hl7.fhir.r4.core 4.0.1, HL7 International, CC0-1.0")
    sys.stdout.write(f'{{\n "source": {source},\n' + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main(sys.argv[1])
