"""Whether a picture is searched for text, by its image's attributes; see ``burned_in.toml``."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any

from pydicom import Dataset

from wetread.core.pixels.attributes import declared


class TextPolicy(StrEnum):
    """What becomes of a picture in which text was found; the setting ``burned_in_text``."""

    MASK = "mask"
    WITHHOLD = "withhold"


class TextAction(StrEnum):
    """What a rule decides; ``burned_in.toml`` defines them."""

    SEND = "send"
    DETECT = "detect"
    WITHHOLD = "withhold"


@dataclass(frozen=True)
class TextFacts:
    """What the rules look at; absent attributes are empty."""

    burned_in: str = ""
    modality: str = ""
    image_type: tuple[str, ...] = ()
    sop_class_uid: str = ""
    photometric: str = ""


@dataclass(frozen=True)
class TextRule:
    """One ``[[rule]]``; an empty condition holds for every image."""

    action: TextAction
    why: str
    burned_in: tuple[str, ...] = ()
    modality: tuple[str, ...] = ()
    image_type: tuple[str, ...] = ()
    sop_class_uid: tuple[str, ...] = ()
    photometric: tuple[str, ...] = ()

    def holds(self, facts: TextFacts) -> bool:
        return (
            (not self.burned_in or facts.burned_in in self.burned_in)
            and (not self.modality or facts.modality in self.modality)
            and (not self.image_type or not set(self.image_type).isdisjoint(facts.image_type))
            and (not self.sop_class_uid or self._names_class(facts.sop_class_uid))
            and (not self.photometric or facts.photometric in self.photometric)
        )

    @property
    def is_unconditional(self) -> bool:
        return self == TextRule(self.action, self.why)

    def _names_class(self, sop_class_uid: str) -> bool:
        return any(
            sop_class_uid == listed or (listed.endswith(".") and sop_class_uid.startswith(listed))
            for listed in self.sop_class_uid
        )


def text_facts(dataset: Dataset) -> TextFacts:
    """Return what the rules look at of an image."""
    image_type = declared(dataset, "ImageType", ())
    parts = (image_type,) if isinstance(image_type, str) else tuple(image_type)
    return TextFacts(
        burned_in=_code(declared(dataset, "BurnedInAnnotation", "")),
        modality=_code(declared(dataset, "Modality", "")),
        image_type=tuple(map(_code, parts)),
        sop_class_uid=_code(declared(dataset, "SOPClassUID", "")),
        photometric=_code(declared(dataset, "PhotometricInterpretation", "")),
    )


def text_rule(facts: TextFacts) -> TextRule:
    """Return the rule that decides."""
    return next(rule for rule in text_rules() if rule.holds(facts))


@cache
def text_rules() -> tuple[TextRule, ...]:
    """Return the rules in their order.

    Raises
    ------
    ValueError
        The table has an unknown action or no last rule that catches the rest.
    KeyError, TypeError
        A rule lacks its action or reason, or has a condition that is unknown or no list.
    """
    text = files(__package__).joinpath("burned_in.toml").read_text("utf-8")
    return parse_text_rules(text)


def parse_text_rules(text: str) -> tuple[TextRule, ...]:
    """Read a table of rules; it fails as :func:`text_rules` does."""
    rules = tuple(_rule(row) for row in tomllib.loads(text)["rule"])
    open_ends = [rule.is_unconditional for rule in rules]
    if open_ends.count(True) != 1 or not open_ends[-1]:
        raise ValueError(
            "The last rule of burned_in.toml, and no other, must be without condition."
        )
    return rules


def _rule(row: dict[str, Any]) -> TextRule:
    conditions = {name: value for name, value in row.items() if name not in {"action", "why"}}
    if not all(isinstance(value, list) for value in conditions.values()):
        raise TypeError("A condition of burned_in.toml must be a list.")
    listed = {name: tuple(value) for name, value in conditions.items()}
    return TextRule(TextAction(row["action"]), row["why"], **listed)


def _code(value: object) -> str:
    return str(value).strip().upper()
