"""The claim: the one record that maps a study key to its study, and counts its versions.

The object in the state bucket is created with ``ifGenerationMatch=0`` and changed only against the
generation that was read, so two writers cannot both win; Airflow's run id merely follows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from wetread.core.errors import problem


class Priority(StrEnum):
    """How urgent a study is; stat and urgent studies are not held back by the admission limit."""

    STAT = "stat"
    URGENT = "urgent"
    ROUTINE = "routine"

    @property
    def rank(self) -> int:
        """The place in the queue; the most urgent is 0."""
        return list(Priority).index(self)


class Cause(StrEnum):
    """Why a version was opened."""

    ARRIVED = "arrived"
    LATE = "late"
    REQUESTED = "requested"


@dataclass(frozen=True)
class ClaimedVersion:
    """One version of the study.

    ``folders`` are the sender folders its files may lie in; ``stored_at`` is when the DICOM store
    last told of an instance that reached it by another way. ``requests`` are opaque tokens of the
    requests that the version answers, so that a request which is read again opens no other.
    """

    version: int
    cause: Cause
    priority: Priority
    opened_at: str
    folders: tuple[str, ...] = ()
    stored_at: str | None = None
    requests: tuple[str, ...] = ()


@dataclass(frozen=True)
class Claim:
    """A study under its key, with its versions, oldest first."""

    study_key: str
    study_instance_uid: str
    versions: tuple[ClaimedVersion, ...] = ()

    @property
    def latest(self) -> ClaimedVersion | None:
        return self.versions[-1] if self.versions else None

    def version(self, number: int) -> ClaimedVersion:
        """Return one version.

        Raises
        ------
        PermanentError
            ``version-not-open``: the claim does not have it.
        """
        for candidate in self.versions:
            if candidate.version == number:
                return candidate
        raise problem("version-not-open", f"the claim of {self.study_key} has no v{number}.")

    def open(
        self,
        cause: Cause,
        priority: Priority,
        opened_at: str,
        folders: Iterable[str] = (),
        *,
        stored_at: str | None = None,
        requests: Iterable[str] = (),
    ) -> Claim:
        """Return the claim with one more version."""
        version = ClaimedVersion(
            version=self.latest.version + 1 if self.latest else 1,
            cause=cause,
            priority=priority,
            opened_at=opened_at,
            folders=tuple(sorted(set(folders))),
            stored_at=stored_at,
            requests=tuple(requests),
        )
        return replace(self, versions=(*self.versions, version))

    def with_folders(self, folders: Iterable[str]) -> Claim:
        """Return the claim with ``folders`` added to its latest version."""
        *earlier, latest = self.versions
        joined = tuple(sorted({*latest.folders, *folders}))
        return replace(self, versions=(*earlier, replace(latest, folders=joined)))

    def answering(self, request: str) -> Claim:
        """Return the claim with a request added to those that its latest version answers."""
        *earlier, latest = self.versions
        joined = replace(latest, requests=(*latest.requests, request))
        return replace(self, versions=(*earlier, joined))

    def hastened(self, priority: Priority) -> Claim:
        """Return the claim with its latest version at least as urgent as ``priority``."""
        *earlier, latest = self.versions
        urgent = min(latest.priority, priority, key=lambda p: p.rank)
        return replace(self, versions=(*earlier, replace(latest, priority=urgent)))

    def answer_to(self, request: str) -> ClaimedVersion | None:
        """Return the version that answers a request, if it was read before."""
        return next((v for v in self.versions if request in v.requests), None)

    def touched(self, stored_at: str) -> Claim:
        """Return the claim with the time of the store's last word in its latest version."""
        *earlier, latest = self.versions
        return replace(self, versions=(*earlier, replace(latest, stored_at=stored_at)))

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def claim_from_json(stored: Mapping[str, Any]) -> Claim:
    """Read a claim back."""
    return Claim(
        stored["study_key"],
        stored["study_instance_uid"],
        tuple(
            ClaimedVersion(
                version=item["version"],
                cause=Cause(item["cause"]),
                priority=Priority(item["priority"]),
                opened_at=item["opened_at"],
                folders=tuple(item["folders"]),
                stored_at=item["stored_at"],
                requests=tuple(item["requests"]),
            )
            for item in stored["versions"]
        ),
    )
