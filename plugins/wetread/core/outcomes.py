"""What becomes of every instance that arrives: one outcome and one reason, never silence."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from types import MappingProxyType


class Outcome(StrEnum):
    """The four ends an instance can come to; ``outcomes.toml`` defines them."""

    ANALYSED = "analysed"
    SKIPPED = "skipped"
    UNSUPPORTED = "unsupported"
    QUARANTINED = "quarantined"


@dataclass(frozen=True)
class Reason:
    """Why an instance came to its outcome; one row of ``outcomes.toml``."""

    code: str
    outcome: Outcome
    text: str


@cache
def reasons() -> Mapping[str, Reason]:
    """Return every reason by its code."""
    table = tomllib.loads(files("wetread.core").joinpath("outcomes.toml").read_text("utf-8"))
    return MappingProxyType(
        {code: Reason(code, Outcome(row["outcome"]), row["text"]) for code, row in table.items()}
    )


def is_analysed(reason_code: str) -> bool:
    """Tell whether a reason means that the instance was analysed."""
    return reasons()[reason_code].outcome is Outcome.ANALYSED


@dataclass(frozen=True)
class OutcomeCounts:
    """How many instances came to each outcome; the four add up to what arrived."""

    analysed: int = 0
    skipped: int = 0
    unsupported: int = 0
    quarantined: int = 0

    @property
    def arrived(self) -> int:
        return self.analysed + self.skipped + self.unsupported + self.quarantined

    def as_dict(self) -> dict[str, int]:
        return asdict(self)


def count_outcomes(reason_codes: Iterable[str]) -> OutcomeCounts:
    """Count instances by the outcome of their reason.

    Raises
    ------
    KeyError
        A reason is not in ``outcomes.toml``.
    """
    tally = Counter(reasons()[code].outcome for code in reason_codes)
    return OutcomeCounts(**{outcome.value: tally[outcome] for outcome in Outcome})
