"""The pages about what results are made of: their codes, and the rules they must keep."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any

from tools.docs.markdown import code, page, table

from wetread.core.terminology import terminology
from wetread.core.violation import gate_rules

_RULES = """\
Before a result is stored it passes a gate: every FHIR transaction as a whole, and every DICOM
object as the bytes that will be stored. One broken rule and nothing of it is stored; the task fails
with [`result-invalid`](errors.md), whose text names the rule and the element, never the value.
Trying again cannot help: report the rule.

Ids that end in `.*` stand for one rule for each element, such as `fhir.binding.Observation.status`,
or for each kind of fault. The tables are `rules.toml` in `plugins/wetread/core/fhir/gate/` and
`plugins/wetread/core/dicom/gate/`."""

_FHIR = """\
## FHIR transactions

Older Tasks that a transaction withdraws are judged by the standard only (`fhir.model.*`,
`fhir.binding.*`): people may have written in them."""

_DICOM = """\
## DICOM objects

What is copied from the source image - patient, study, specimen - must be there and is otherwise as
the store has it: no result is lost because somebody's name is too long."""

_CODES = """\
Every code that Wetread writes, in FHIR resources and in DICOM objects, is a row of
`plugins/wetread/core/terminology.toml`; the [gate](result-rules.md) holds back any other. The codes
of Wetread's own system (`99WETREAD` in DICOM) are published as
[CodeSystem ai-result](fhir/CodeSystem-ai-result.json).

SNOMED CT needs a licence in some countries; DICOM may use the codes below everywhere (PS3.16
section 8.1.1)."""


def rules_page() -> str:
    return page(
        "Rules of results",
        "imaging-informatics operators, engineers",
        _RULES,
        _FHIR,
        _rules("wetread.core.fhir.gate"),
        _DICOM,
        _rules("wetread.core.dicom.gate"),
    )


def _rules(gate: str) -> str:
    rows = [(code(id_), rule.text, rule.source) for id_, rule in gate_rules(gate).items()]
    return table(("rule", "what must hold", "source"), rows)


def codes_page() -> str:
    rows = tomllib.loads(files("wetread.core").joinpath("terminology.toml").read_text("utf-8"))
    coded = {**rows["concept"], **rows["finding"]}
    return page(
        "Codes",
        "terminologists, integrators",
        _CODES,
        "## Systems",
        table(("name", "URI", "in DICOM"), _systems(rows["system"])),
        "## Codes by name",
        table(
            ("name", "system", "code", "display", "source"),
            [
                (code(name), row["system"], code(row["code"]), row["display"], row["source"])
                for name, row in coded.items()
            ],
        ),
        "## Studies by modality and body part",
        'LOINC codes of the report; any other study is a "Diagnostic imaging study".',
        table(("modality", "body part", "code", "display", "source"), _procedures(rows)),
        "## Body parts",
        table(
            ("Body Part Examined", "SNOMED CT", "display"),
            [(code(n), code(c.code), c.display) for n, c in terminology().body_parts.items()],
        ),
    )


def _systems(systems: Mapping[str, Mapping[str, str]]) -> Iterator[tuple[str, str, str]]:
    for name, row in systems.items():
        yield name, code(row["uri"]), code(row["designator"]) if row["designator"] else ""


def _procedures(rows: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for group in rows["procedure"]:
        for row in group["codes"]:
            modalities, parts = ", ".join(group["modalities"]), ", ".join(row["body_parts"])
            yield modalities, parts, code(row["code"]), row["display"], group["source"]
