"""The page of the table of analyses, from the table and its head."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files

from tools.docs.markdown import code, page, table

from wetread.core.routing.analysis import ANY_MODALITY, Analysis
from wetread.core.routing.attributes import VALUES_LIMIT, routing_attributes
from wetread.core.routing.table import shipped_analyses
from wetread.core.terminology import terminology

_INTRO = """\
An *analysis* is a row of a table: which series it takes, which model looks at them, and how. A
series gets every analysis of which it meets all conditions, and one that no analysis takes is named
in the run. A model is [added](../how-to/add-a-model.md) by a row, a card and a container.

An analysis of general purpose points at *candidates* for a radiologist's eyes; only specialised
ones have *findings*. A model in *shadow* is asked, and its answer stored and shown nowhere."""

_CHANGES = """\
## Changes by an installation

The setting [`analyses`](settings.md) changes fields of rows, adds rows, and takes one out with
`null`. A study version keeps the table that it was sealed with, whatever is changed later.

```json
{"analyses": {"phantom-nodule": {"mode": "shadow"}, "burned-in-text": null}}
```"""

_CONDITIONS = f"""\
## What a row may ask of a series

Under `attributes`, by DICOM keyword, in addition to modality and body part:

- a code: a list of values in upper case, such as `ViewPosition = ["PA", "AP"]`; one of the
  attribute's values must be listed, and their case does not count,
- a number: a range such as `SliceThickness = {{ min = 0.6, max = 2.5 }}`, with one end at least;
  all of the attribute's values must lie in it, the ends included,
- a UID: a list of UIDs,
- a presence: the list `["YES"]`; the attribute must have a value.

Every image of the series must meet every condition. A missing attribute meets none. An attribute
counts as missing if a value does not have its form, if it has more than {VALUES_LIMIT} values, or
if it stands in a functional group of an enhanced object. Only these attributes are kept, since
nothing in them can name a patient."""

_FINDINGS = """\
## Findings

The codes that `findings` may hold. The table is `plugins/wetread/core/terminology.toml`; which of
them raise an alert stands in [Critical findings](critical-findings.md)."""


def page_text() -> str:
    shipped = [_row(analysis) for analysis in shipped_analyses().values()]
    headings = ("analysis", "title", "takes", "input", "adapter", "findings from", "mode")
    attributes = [
        (code(row.keyword), row.meaning, row.form) for row in routing_attributes().values()
    ]
    findings = [
        (code(name), concept.label, f"{concept.display} ({concept.code})")
        for name, concept in terminology().findings.items()
    ]
    return page(
        "Analyses",
        "imaging-informatics operators, platform engineers",
        _INTRO,
        table(headings, shipped),
        _CHANGES,
        "## Fields of a row",
        table(("field", "meaning"), _fields()),
        _rest(),
        _CONDITIONS,
        table(("attribute", "meaning", "form"), attributes),
        _FINDINGS,
        table(("code", "in reports", "coded as"), findings),
    )


def _row(analysis: Analysis) -> tuple[str, ...]:
    return (
        code(analysis.id),
        analysis.title,
        _takes(analysis),
        code(analysis.input),
        code(analysis.adapter),
        ", ".join(f"{code(name)} {score:g}" for name, score in analysis.findings.items()),
        analysis.mode,
    )


def _takes(analysis: Analysis) -> str:
    every = analysis.modality == ANY_MODALITY
    parts = ["every series"] if every else [" or ".join(analysis.modality)]
    if analysis.body_part:
        parts.append(" or ".join(analysis.body_part))
    parts += [f"{code(name)} {condition}" for name, condition in analysis.attributes.items()]
    return ", ".join(parts)


def _head() -> str:
    text = files("wetread.core.routing").joinpath("analyses.toml").read_text("utf-8")
    return re.sub(r"^# ?", "", text.split("[analysis.")[0], flags=re.MULTILINE)


def _fields() -> Iterator[tuple[str, str]]:
    """Yield the fields that the table's head explains; an indented line goes on with the last."""
    _, glossary, *_ = _head().split("\n\n")
    for entry in re.split(r"\n(?! )", glossary):
        field, _, text = entry.partition(" ")
        # A choice stands on a line of its own and is set off from its meaning by spaces.
        meaning, *choices = re.split(r"\n  (\S+) {2,}", text)
        listed = zip(choices[::2], choices[1::2], strict=True)
        explained = "; ".join(f"{code(choice)}: {what}" for choice, what in listed)
        yield code(field), f"{meaning.strip()} {explained}." if explained else meaning


def _rest() -> str:
    _, _, rest = _head().strip().split("\n\n")
    return rest
