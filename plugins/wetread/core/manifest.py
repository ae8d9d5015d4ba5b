"""The manifest: what one version of a study consists of, sealed once and never changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from wetread.core.arrivals import Arrival, SourceObject, arrival_from_json, arrival_to_json
from wetread.core.canonical import digest
from wetread.core.headers import Header, Refusal, header_from_dict


@dataclass(frozen=True)
class Manifest:
    """One version's arrivals, each accepted or refused, and what the store already held.

    ``stored`` are the study's instances that were in the DICOM store before this version.
    ``sealed_at`` is an RFC 3339 time in UTC. ``analysis`` are the settings that the version is
    analysed with, so that a task which is cleared later still works on the same version; ``models``
    say for each analysis which model was deployed then, so that another one makes other findings.
    """

    study_key: str
    version: int
    study_instance_uid: str
    sealed_at: str
    arrivals: tuple[Arrival, ...] = ()
    stored: tuple[Header, ...] = ()
    analysis: Mapping[str, Any] = field(default_factory=dict)
    models: Mapping[str, str] = field(default_factory=dict)

    @property
    def accepted(self) -> tuple[tuple[SourceObject, Header], ...]:
        """The objects to import, in arrival order."""
        return tuple((a.source, a.content) for a in self.arrivals if isinstance(a.content, Header))

    @property
    def refused(self) -> tuple[tuple[SourceObject, Refusal], ...]:
        return tuple((a.source, a.content) for a in self.arrivals if isinstance(a.content, Refusal))

    @property
    def instances(self) -> tuple[Header, ...]:
        """Every instance the study consists of once the import is done, each once."""
        known = {h.sop_instance_uid: h for h in self.stored}
        known.update({header.sop_instance_uid: header for _, header in self.accepted})
        return tuple(known[uid] for uid in sorted(known))

    @property
    def digest(self) -> str:
        """The digest of the study's content: equal content has equal digests in any version.

        A SOPInstanceUID stands for its bytes: the store refuses others under the same UID.
        """
        return digest([self.study_instance_uid, [h.sop_instance_uid for h in self.instances]])

    def as_json(self) -> dict[str, Any]:
        return {
            "study_key": self.study_key,
            "version": self.version,
            "study_instance_uid": self.study_instance_uid,
            "sealed_at": self.sealed_at,
            "arrivals": [arrival_to_json(a) for a in self.arrivals],
            "stored": [h.as_dict() for h in self.stored],
            "analysis": dict(self.analysis),
            "models": dict(self.models),
        }


def manifest_from_json(stored: Mapping[str, Any]) -> Manifest:
    """Read a manifest back."""
    return Manifest(
        stored["study_key"],
        stored["version"],
        stored["study_instance_uid"],
        stored["sealed_at"],
        tuple(arrival_from_json(item) for item in stored["arrivals"]),
        tuple(header_from_dict(item) for item in stored["stored"]),
        stored["analysis"],
        stored.get("models", {}),
    )


def judge_arrivals(arrivals: Iterable[Arrival], stored: Sequence[Header]) -> tuple[Arrival, ...]:
    """Refuse what must not be imported: copies, and every file once two patients share the study.

    The first arrival of an instance wins; a later one with the same bytes is a duplicate, one with
    other bytes a conflicting copy.
    """
    ordered = sorted(arrivals, key=lambda a: a.order)
    headers = [a.content for a in ordered if isinstance(a.content, Header)]
    patients = {h.patient for h in (*headers, *stored) if h.patient}
    if len(patients) > 1:
        return tuple(
            Arrival(a.source, Refusal("two-patients")) if isinstance(a.content, Header) else a
            for a in ordered
        )
    first: dict[str, SourceObject] = {}
    return tuple(_without_copies(arrival, first) for arrival in ordered)


def _without_copies(arrival: Arrival, first: dict[str, SourceObject]) -> Arrival:
    if not isinstance(arrival.content, Header):
        return arrival
    winner = first.setdefault(arrival.content.sop_instance_uid, arrival.source)
    if winner is arrival.source:
        return arrival
    same = winner.crc32c == arrival.source.crc32c and winner.size_bytes == arrival.source.size_bytes
    return Arrival(arrival.source, Refusal("duplicate" if same else "conflicting-copy"))
