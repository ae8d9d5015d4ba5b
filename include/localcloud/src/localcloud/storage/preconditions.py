"""Preconditions on generation and metageneration.

Source: https://cloud.google.com/storage/docs/request-preconditions
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from localcloud.errors import GoogleError
from localcloud.http.call import Query
from localcloud.storage.records import ObjectVersion

_NONE = 0


@dataclass(frozen=True)
class Conditions:
    """What must hold of the current state for a request to proceed; None asks nothing."""

    generation_match: int | None = None
    generation_not_match: int | None = None
    metageneration_match: int | None = None
    metageneration_not_match: int | None = None

    @classmethod
    def of_query(cls, query: Query, prefix: str = "if") -> Conditions:
        """Read conditions from a query: ``if...`` or, for the source of a copy, ``ifSource...``."""
        return cls(
            query.integer(f"{prefix}GenerationMatch"),
            query.integer(f"{prefix}GenerationNotMatch"),
            query.integer(f"{prefix}MetagenerationMatch"),
            query.integer(f"{prefix}MetagenerationNotMatch"),
        )

    @classmethod
    def of_headers(cls, headers: Mapping[str, str]) -> Conditions:
        """Read the conditions of the XML API.

        Source: https://cloud.google.com/storage/docs/xml-api/reference-headers
        """
        values = {
            name: headers.get(f"x-goog-if-{name.replace('_', '-')}")
            for name in ("generation_match", "metageneration_match")
        }
        query = Query((name, value) for name, value in values.items() if value is not None)
        return cls(**{name: query.integer(name) for name in values})

    @classmethod
    def from_json(cls, text: str) -> Conditions:
        """Read what ``to_json`` wrote."""
        return cls(**json.loads(text))

    def to_json(self) -> str:
        """Write the conditions of an upload that is finished later."""
        return json.dumps(asdict(self))

    def check_version(self, version: ObjectVersion | None) -> None:
        """Compare with an object's version, or with there being none, before it is changed."""
        if version is None:
            self.check(None, None)
        else:
            self.check(version.generation, version.metageneration)

    def check(
        self, generation: int | None, metageneration: int | None, *, reading: bool = False
    ) -> None:
        """Compare with the current state; None is the state of what does not exist.

        Raises
        ------
        GoogleError
            412, or 304 when a read asks for another state than the present one.
        """
        current, meta = generation or _NONE, metageneration or _NONE
        _must_match("ifGenerationMatch", self.generation_match, current)
        _must_match("ifMetagenerationMatch", self.metageneration_match, meta)
        _must_differ("ifGenerationNotMatch", self.generation_not_match, current, reading)
        _must_differ("ifMetagenerationNotMatch", self.metageneration_not_match, meta, reading)


def _must_match(name: str, wanted: int | None, current: int) -> None:
    if wanted is not None and wanted != current:
        raise _failed(412, name, wanted)


def _must_differ(name: str, unwanted: int | None, current: int, reading: bool) -> None:
    if unwanted is not None and unwanted == current:
        raise _failed(304 if reading else 412, name, unwanted)


def _failed(code: int, name: str, value: int) -> GoogleError:
    message = (
        "At least one of the pre-conditions you specified did not hold: "
        f"{name}={value}. Read the object's current state and decide anew."
    )
    return GoogleError.of(code, message, "conditionNotMet")
