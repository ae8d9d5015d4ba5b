"""How frames are sampled, as short words that a table or a setting may hold."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

Way = Literal["all", "every", "even", "key", "tiles"]

_RULE = re.compile(r"(?P<way>[a-z]+)(?::(?P<number>[1-9][0-9]{0,5}))?")
_NUMBER_NEEDED = frozenset({"every", "key"})
_NUMBER_REFUSED = frozenset({"all"})


@dataclass(frozen=True)
class SamplingRule:
    """One way of sampling; ``number`` is None where the installation's own number counts."""

    way: Way
    number: int | None = None

    @property
    def is_per_instance(self) -> bool:
        """Whether every instance is looked at, and only its frames are sampled."""
        return self.way == "key"


def parse_sampling(text: str) -> SamplingRule:
    """Read ``all``, ``every:N``, ``even``, ``even:N``, ``key:N``, ``tiles`` or ``tiles:N``.

    Raises
    ------
    ValueError
        It is none of these.
    """
    found = _RULE.fullmatch(text)
    way = next((w for w in get_args(Way) if found and w == found["way"]), None)
    if found is None or way is None:
        raise ValueError(f"{text!r} is no sampling rule")
    number = int(found["number"]) if found["number"] else None
    if way in (_NUMBER_REFUSED if number else _NUMBER_NEEDED):
        raise ValueError(f"{text!r} is no sampling rule: {way} and a number")
    return SamplingRule(way, number)


def parse_overrides(text: str) -> Mapping[str, SamplingRule]:
    """Read rules by modality, such as ``CT=every:4 US=key:8``.

    Raises
    ------
    ValueError
        A part is not of that form, or a modality occurs twice.
    """
    overrides: dict[str, SamplingRule] = {}
    for part in text.split():
        modality, _, rule = part.partition("=")
        if not re.fullmatch(r"[A-Z0-9_]{1,16}", modality) or modality in overrides:
            raise ValueError(f"{part!r} does not give one modality one sampling rule")
        overrides[modality] = parse_sampling(rule)
    return overrides
