"""The lagging search index: which state of a resource a search sees, and from when.

All resources are indexed asynchronously, except for their identifiers: "a slight delay between the
time a resource is created or changed, and the time when the change reflects in search results".
Source: fhir.search of the healthcare.v1 discovery document and
https://cloud.google.com/healthcare-api/docs/concepts/fhir-consistency
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from localcloud.healthcare.fhir.criteria import split_alternatives, split_token

Sql = tuple[str, list[Any]]

_MICROSECONDS = 1_000_000
# What a query may have besides an identifier and still be answered by the synchronous index.
_SYNCHRONOUS = frozenset(
    {"identifier", "_count", "_include", "_revinclude", "_summary", "_elements"}
)
# These say how to write the answer, not what to look for.
_NEUTRAL = frozenset({"_format", "_pretty", "_page_token"})


@dataclass(frozen=True)
class View:
    """What a search sees: the newest states, or those of ``lag`` microseconds before ``now``."""

    lag: int = 0
    now: int = 0

    @property
    def condition(self) -> Sql:
        """Return the condition on ``fhir_resource r``.

        A write keeps the lag that was in force when it was made, or gets the present one if that
        is shorter: raising the lag hides nothing that was visible, lowering it shows what waited.
        """
        if not self.lag:
            return "r.replaced_at IS NULL AND NOT r.deleted", []
        return (
            "NOT r.deleted AND min(r.visible_at, r.version + ?) <= ?"
            " AND (r.replaced_at IS NULL OR min(r.hidden_at, r.replaced_at + ?) > ?)",
            [self.lag, self.now, self.lag, self.now],
        )


NEWEST = View()


def microseconds_of(seconds: float) -> int:
    return int(seconds * _MICROSECONDS)


def is_synchronous(pairs: Iterable[tuple[str, str]]) -> bool:
    """Whether a search is for one identifier alone, which is indexed with the write itself."""
    pairs = [pair for pair in pairs if pair[0].partition(":")[0] not in _NEUTRAL]
    identifiers = [value for name, value in pairs if name == "identifier"]
    if len(identifiers) != 1 or len(split_alternatives(identifiers[0])) != 1:
        return False
    names = {name if name.startswith("identifier") else name.partition(":")[0] for name, _ in pairs}
    return names <= _SYNCHRONOUS and bool(split_token(identifiers[0])[1])
