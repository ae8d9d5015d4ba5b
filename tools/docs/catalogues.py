"""The pages made of tables: errors, outcomes, critical findings."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from tools.docs.markdown import code, page, table

from wetread.core.alerts.rules import alert_rules, review_due_seconds
from wetread.core.errors import PermanentError, catalogue
from wetread.core.outcomes import Outcome, reasons

_ERRORS = """\
Every error of the pipeline has a stable code and belongs to one of two families. A *permanent*
error fails the task at once: trying again cannot help, and a person decides. After a *retriable*
one Airflow tries again with growing delays, three times. A message reads
`[code] what failed, for which object. Next: what to do.` and names no patient.

What to do in Airflow is told in [Clear a failed task](../how-to/clear-a-failed-task.md). The table
is `plugins/wetread/core/errors.toml`."""

_STACK_ERRORS = """\
## Errors of the local stack

`make up`, `make down`, `make status`, `make demo` and the service `provision` print
`error: [code] message` and exit with 1. An ellipsis stands for what the message fills in."""

_OUTCOMES = """\
Every instance that arrives ends with exactly one reason, and each reason belongs to one of four
outcomes; the counts add up to what arrived. The report, the summary in the state bucket and the
task `archive_source` show them. The table is `plugins/wetread/core/outcomes.toml`."""

_OUTCOME_TEXTS = {
    Outcome.ANALYSED: "Its pixels were looked at.",
    Outcome.SKIPPED: "It is sound, and policy says not to look at it.",
    Outcome.UNSUPPORTED: "Nothing here could read its pixels.",
    Outcome.QUARANTINED: (
        "It did not enter the DICOM store. Its file lies below `failed/`, with the reason in a "
        "JSON file beside it that ends in `.reason.json`."
    ),
}

_POLICY = """\
## Which instances are skipped

The first rule that fits decides; without one the instance is an image and is analysed. The rules
are `plugins/wetread/core/pixels/policy.toml`."""

_MODALITIES = """\
## How a modality is treated

The preprocessor is a module of `plugins/wetread/core/pixels/modalities/`: it makes a frame's
picture. The sampling decides which frames are looked at, before any pixel is fetched; the setting
[`sampling`](settings.md) replaces it.

- `all`: every frame of the series.
- `every:N`: every N-th frame of the series in order of its geometry.
- `even:N`: N frames of the series, evenly spaced in order of its geometry.
- `key:N`: every instance; of one with more than N frames the key frames that it declares, N at
  most; where it declares none, N evenly spaced ones. Frames declared as masks of a subtraction are
  left out.
- `tiles:N`: of a slide all tiles of the finest level that has at most N, else N evenly spaced ones
  of the coarsest level.

Without a number, N is the setting `sampled_frames_per_series`. A modality that is not listed is
treated as `other`. Of an instance with several frames of which less than half are looked at, only
these are fetched."""

_CT_WINDOWS = """\
## Windows of CT

The window of a CT image that declares none, by its Body Part Examined (0018,0015); with the setting
`prefer_ct_presets`, of every CT image. Centre and width are in Hounsfield units."""

_REMARKS = """\
## Remarks on pictures

The report says of each series how its pictures were made."""

_BURNED_IN = """\
## Which images are searched for burned-in text

The first rule that fits decides. `send`: the picture leaves as it is. `detect`: text is looked
for, and the setting [`burned_in_text`](settings.md) says what becomes of a picture with text.
`withhold`: the picture does not leave. The rules are
`plugins/wetread/core/pixels/burned_in/burned_in.toml`; [why](../explanation/phi.md#pixels)."""

_CRITICAL = """\
A candidate that meets a rule raises an alert: one [message](alert-message.md) per study version,
model and finding code, of the most urgent rule that is met. The table is
`plugins/wetread/core/alerts/alerts.toml`; categories are those of the ACR Actionable Reporting Work
Group (Larson et al., 2014), and their times are defaults that each hospital confirms. An alert goes
to a radiologist, never to a treating team."""


def errors_page(stack: Path) -> str:
    rows = [
        (
            code(entry.code),
            "permanent" if issubclass(entry.family, PermanentError) else "retriable",
            entry.meaning,
            entry.next,
        )
        for entry in catalogue().values()
    ]
    return page(
        "Errors",
        "imaging-informatics operators, platform engineers",
        _ERRORS,
        table(("code", "family", "meaning", "what to do"), rows),
        _STACK_ERRORS,
        table(("code", "message"), sorted(set(_stack_errors(stack)))),
    )


def _stack_errors(folder: Path) -> Iterator[tuple[str, str]]:
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "StackError":
                name, message = node.args
                yield code(ast.literal_eval(name)), _wording(message)


def _wording(node: ast.expr) -> str:
    """Return a message's constant words, with ``…`` for what is filled in."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_wording(part) for part in node.values)
    return "…"


def outcomes_page() -> str:
    sections = []
    for outcome, text in _OUTCOME_TEXTS.items():
        rows = [(code(r.code), r.text) for r in reasons().values() if r.outcome is outcome]
        sections.append(
            f"## {outcome.value.capitalize()}\n\n{text}\n\n{table(('reason', 'meaning'), rows)}"
        )
    policy = tomllib.loads(files("wetread.core.pixels").joinpath("policy.toml").read_text("utf-8"))
    skips = [(code(rule["reason"]), _conditions(rule), rule["why"]) for rule in policy["skip"]]
    modalities = [
        (code(modality), code(row["preprocessor"]), code(row["sampling"]))
        for modality, row in policy["modality"].items()
    ]
    windows = [
        (code(name), f"{row['center']}/{row['width']}", ", ".join(row["body_parts"]) or "any other")
        for name, row in policy["ct_window"].items()
    ]
    remarks = [(code(name), text) for name, text in policy["remark"].items()]
    return page(
        "Outcomes",
        "imaging-informatics operators, radiologists",
        _OUTCOMES,
        *sections,
        _POLICY,
        table(("reason", "when", "why"), skips),
        _MODALITIES,
        table(("modality", "preprocessor", "sampling"), modalities),
        _CT_WINDOWS,
        table(("window", "centre/width", "body parts"), windows),
        _REMARKS,
        table(("remark", "meaning"), remarks),
        _BURNED_IN,
        table(("action", "when", "why"), _text_rules()),
    )


def _text_rules() -> list[tuple[str, str, str]]:
    folder = files("wetread.core.pixels.burned_in")
    rules = tomllib.loads(folder.joinpath("burned_in.toml").read_text("utf-8"))["rule"]
    return [(code(r["action"]), _conditions(r) or "any other image", r["why"]) for r in rules]


_CONDITIONS = {
    "burned_in": "Burned In Annotation (0028,0301) is {}",
    "modality": "Modality (0008,0060) is {}",
    "photometric": "Photometric Interpretation (0028,0004) is {}",
    "manufacturer": "Manufacturer (0008,0070) is {}",
    "sop_class_uid": "SOP Class UID (0008,0016) is, or begins with, {}",
    "image_type": "Image Type (0008,0008) holds {}",
    "presentation_intent": "Presentation Intent Type (0008,0068) is {}",
}


def _conditions(rule: dict[str, object]) -> str:
    parts = []
    for name, value in rule.items():
        if name == "has_pixel_data":
            parts.append("it has pixel data" if value else "it has no pixel data")
        elif name in _CONDITIONS and isinstance(value, list):
            parts.append(_CONDITIONS[name].format(" or ".join(map(code, value))))
    return "; ".join(parts)


def critical_findings_page() -> str:
    rows = [
        (
            code(rule.finding_code),
            rule.kind,
            "every model" if rule.source == "*" else code(rule.source),
            ", ".join(sorted(map(code, rule.labels))) or "every label",
            str(rule.minimal_score),
            str(rule.category.number),
            rule.category.meaning,
            str(rule.category.due_seconds),
        )
        for rule in alert_rules()
    ]
    headings = ("finding code", "kind", "model", "labels", "from score", "category")
    return page(
        "Critical findings",
        "radiologists, platform engineers",
        _CRITICAL,
        table((*headings, "meaning of the category", "acknowledge within (seconds)"), rows),
        f"A result that raises no alert is to be reviewed within {review_due_seconds()} seconds.",
    )
