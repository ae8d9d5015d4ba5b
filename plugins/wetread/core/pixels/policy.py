"""Which instances are looked at and how they become pictures: the rules of ``policy.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Protocol

from wetread.core.pixels.sampling_rules import SamplingRule, parse_sampling

OWN_RESULT = "own-result"
"""The reason of an instance that Wetread wrote."""


class InstanceFacts(Protocol):
    """What the rules look at; absent attributes are empty."""

    @property
    def sop_class_uid(self) -> str: ...
    @property
    def image_type(self) -> tuple[str, ...]: ...
    @property
    def manufacturer(self) -> str: ...
    @property
    def presentation_intent(self) -> str: ...
    @property
    def has_pixel_data(self) -> bool: ...


@dataclass(frozen=True)
class SkipRule:
    """One ``[[skip]]`` rule; an empty condition holds for every instance."""

    reason: str
    why: str
    manufacturer: tuple[str, ...] = ()
    sop_class_uid: tuple[str, ...] = ()
    image_type: tuple[str, ...] = ()
    presentation_intent: tuple[str, ...] = ()
    has_pixel_data: bool | None = None

    def holds(self, facts: InstanceFacts) -> bool:
        return (
            (not self.manufacturer or facts.manufacturer in self.manufacturer)
            and (not self.sop_class_uid or self._names_class(facts.sop_class_uid))
            and (not self.image_type or not set(self.image_type).isdisjoint(facts.image_type))
            and (
                not self.presentation_intent
                or facts.presentation_intent in self.presentation_intent
            )
            and self.has_pixel_data in (None, facts.has_pixel_data)
        )

    def _names_class(self, sop_class_uid: str) -> bool:
        return any(
            sop_class_uid == listed or (listed.endswith(".") and sop_class_uid.startswith(listed))
            for listed in self.sop_class_uid
        )


@dataclass(frozen=True)
class ModalityRule:
    """How one modality is treated: the module that makes its pictures, and its sampling."""

    preprocessor: str
    sampling: SamplingRule


@dataclass(frozen=True)
class CtPreset:
    """A window in Hounsfield units."""

    name: str
    center: float
    width: float


def skip_reason(facts: InstanceFacts) -> str | None:
    """Return the reason in ``outcomes.toml`` for not looking at an instance; None for an image."""
    return next((rule.reason for rule in skip_rules() if rule.holds(facts)), None)


def is_own_result(facts: InstanceFacts) -> bool:
    """Return whether Wetread wrote the instance; such instances never start an analysis."""
    return skip_reason(facts) == OWN_RESULT


def modality_rule(modality: str) -> ModalityRule:
    """Return the rule of a modality (0008,0060), known or not."""
    rules = modality_rules()
    return rules.get(modality, rules["other"])


def ct_preset(body_part: str) -> CtPreset:
    """Return the window preset of a Body Part Examined (0018,0015), known or not."""
    presets = _ct_presets()
    return presets.get(body_part.strip().upper(), presets[""])


@cache
def skip_rules() -> tuple[SkipRule, ...]:
    """Return the rules in their order."""
    return tuple(_skip_rule(row) for row in _table()["skip"])


@cache
def modality_rules() -> Mapping[str, ModalityRule]:
    """Return the rules by modality."""
    return MappingProxyType(read_modality_rules(_table()["modality"]))


def read_modality_rules(rows: Mapping[str, Mapping[str, str]]) -> dict[str, ModalityRule]:
    """Read rows of ``[modality]``.

    Raises
    ------
    ValueError
        A sampling rule is not one of those that the table's head explains.
    """
    return {
        modality: ModalityRule(row["preprocessor"], parse_sampling(row["sampling"]))
        for modality, row in rows.items()
    }


@cache
def remarks() -> Mapping[str, str]:
    """Return what a report says about how pictures were made, by code."""
    return MappingProxyType(_table()["remark"])


@cache
def _ct_presets() -> Mapping[str, CtPreset]:
    """Return presets by body part; the empty one stands for all that are not listed."""
    return MappingProxyType(
        {
            body_part: CtPreset(name, float(row["center"]), float(row["width"]))
            for name, row in _table()["ct_window"].items()
            for body_part in row["body_parts"] or [""]
        }
    )


def _skip_rule(row: dict[str, Any]) -> SkipRule:
    conditions: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in row.items()
    }
    return SkipRule(**conditions)


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(files("wetread.core.pixels").joinpath("policy.toml").read_text("utf-8"))
