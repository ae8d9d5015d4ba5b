"""Rows and series for tests of routing."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from tests.core.cases import header

from wetread.core.headers import Header
from wetread.core.routing.table import analysis_from_json

ROW: dict[str, Any] = {
    "title": "Lung model",
    "kind": "specialised",
    "modality": ["CT"],
    "input": "volume",
    "adapter": "detections",
    "endpoint": "lung",
    "findings": {"pulmonary-nodule": 0.5},
    "card": "lung.md",
}
"""A row that is right; each test makes one thing of it different."""

DEMO = {
    "phantom-nodule": {"mode": "live"},
    "phantom-pneumothorax": {"mode": "live"},
    "burned-in-text": {"mode": "shadow"},
}
"""What turns the shipped models on."""

GENERAL = {"kind": "general-purpose", "findings": {}, "card": ""}
VISION = {**GENERAL, "adapter": "vision", "input": "frames", "endpoint": ""}
TEXT = {**GENERAL, "adapter": "medgemma", "input": "frames", "prompt": "Describe the image."}
EMBEDDING = {
    "modality": ["DX"],
    "input": "reference",
    "adapter": "cxr-foundation",
    "findings": {"pneumothorax": 0.7},
    "head": "pneumothorax.json",
}
SLIDES = {**EMBEDDING, "adapter": "path-foundation", "modality": ["SM"], "input": "tiles"}


def analysis(**changed: Any) -> Any:
    """Return the analysis of a row with some fields changed."""
    return analysis_from_json("lung", ROW | changed)


def toml(*rows: tuple[str, dict[str, Any]]) -> str:
    """Write rows as a table of analyses."""
    parts = []
    for name, row in rows:
        lines = [f"{key} = {_value(value)}" for key, value in row.items()]
        parts.append("\n".join([f"[analysis.{name}]", *lines]))
    return "\n\n".join(parts)


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_value(item)}" for key, item in value.items()) + " }"
    return json.dumps(value)


def image(modality: str = "CT", body_part: str = "CHEST", **attributes: str) -> Header:
    """Return the header of an image with some attributes."""
    pairs = tuple(attributes.items())
    return replace(header(), modality=modality, body_part=body_part, attributes=pairs)
