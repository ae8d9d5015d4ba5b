"""What an analysis found: immutable records that every result is a pure function of.

One :class:`AnalysisFindings` is written once per plan row and never changed. The study's findings
are the merge of its rows, so a row that failed and is cleared later completes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from wetread.core.canonical import digest
from wetread.core.outcomes import OutcomeCounts, count_outcomes

SCORE_DECIMALS = 4
"""Scores are rounded so that another processor's last bit does not make another result."""


ANALYSIS_MISSING = "analysis-missing"
"""The reason of an instance whose plan row has not succeeded (yet)."""


class CandidateKind(StrEnum):
    """What a candidate may be taken for; neither is a diagnosis."""

    OBJECT = "object"
    ANOMALY = "anomaly"


@dataclass(frozen=True)
class Region:
    """A box in an image, in fractions of its width and height from the top left corner."""

    x: float
    y: float
    width: float
    height: float

    @property
    def centre(self) -> tuple[float, float]:
        return (
            round(self.x + self.width / 2, SCORE_DECIMALS),
            round(self.y + self.height / 2, SCORE_DECIMALS),
        )


@dataclass(frozen=True)
class ImageReference:
    """One frame of one stored instance."""

    series_instance_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    instance_number: int | None = None
    frame_number: int = 1


@dataclass(frozen=True)
class Candidate:
    """Something a model points at, with a score in 0..1; non-diagnostic until a person says so."""

    kind: CandidateKind
    label: str
    score: float
    image: ImageReference
    region: Region | None = None


@dataclass(frozen=True)
class ImageLabel:
    """A coarse word about whole images of the series, with its best score in 0..1."""

    label: str
    score: float


@dataclass(frozen=True)
class AnalysisSource:
    """Which model said it: name, version and digests, as provenance."""

    name: str
    version: str
    settings_digest: str


@dataclass(frozen=True)
class InstanceOutcome:
    """The reason code (see ``outcomes.toml``) that one instance ended with."""

    sop_instance_uid: str
    series_instance_uid: str
    reason: str


@dataclass(frozen=True)
class AnalysisFindings:
    """The immutable findings of one plan row.

    ``created_at`` is an RFC 3339 time in UTC; it is the issue time of everything made from this.
    ``images`` were looked at, for which Vision AI bills ``vision_units``. ``remarks`` are codes of
    ``pixels/policy.toml``: how the pictures were made. Burned-in text was painted over in
    ``masked_images``, at ``masked_regions`` places; because of it, or because nobody could look for
    it, ``withheld_images`` were not sent.
    """

    row_id: str
    series_instance_uid: str
    modality: str
    source: AnalysisSource
    created_at: str
    candidates: tuple[Candidate, ...] = ()
    labels: tuple[ImageLabel, ...] = ()
    outcomes: tuple[InstanceOutcome, ...] = ()
    images: int = 0
    vision_units: int = 0
    remarks: tuple[str, ...] = ()
    masked_images: int = 0
    masked_regions: int = 0
    withheld_images: int = 0

    @property
    def anomalies(self) -> tuple[Candidate, ...]:
        return tuple(c for c in self.candidates if c.kind is CandidateKind.ANOMALY)

    @property
    def digest(self) -> str:
        return digest(asdict(self))


@dataclass(frozen=True)
class StudyFindings:
    """All that is known of one version of a study when its results are written.

    ``outcomes`` covers every instance that arrived; ``missing_rows`` names plan rows whose analysis
    has not succeeded yet.
    """

    study_key: str
    version: int
    study_instance_uid: str
    manifest_digest: str
    settings_digest: str
    created_at: str
    analyses: tuple[AnalysisFindings, ...] = ()
    outcomes: tuple[InstanceOutcome, ...] = ()
    missing_rows: tuple[str, ...] = ()

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        return tuple(c for analysis in self.analyses for c in analysis.candidates)

    @property
    def anomalies(self) -> tuple[Candidate, ...]:
        return tuple(c for analysis in self.analyses for c in analysis.anomalies)

    @property
    def images(self) -> int:
        return sum(analysis.images for analysis in self.analyses)

    @property
    def vision_units(self) -> int:
        return sum(analysis.vision_units for analysis in self.analyses)

    @property
    def masked_images(self) -> int:
        return sum(analysis.masked_images for analysis in self.analyses)

    @property
    def withheld_images(self) -> int:
        return sum(analysis.withheld_images for analysis in self.analyses)

    @property
    def counts(self) -> OutcomeCounts:
        return count_outcomes(outcome.reason for outcome in self.outcomes)


def analysis_to_json(findings: AnalysisFindings) -> dict[str, Any]:
    """Return the stored form of ``findings``."""
    return asdict(findings)


def analysis_from_json(stored: Mapping[str, Any]) -> AnalysisFindings:
    """Read the stored form back; the inverse of :func:`analysis_to_json`."""
    return AnalysisFindings(
        row_id=stored["row_id"],
        series_instance_uid=stored["series_instance_uid"],
        modality=stored["modality"],
        source=AnalysisSource(**stored["source"]),
        created_at=stored["created_at"],
        candidates=tuple(_candidate(c) for c in stored["candidates"]),
        labels=tuple(ImageLabel(**label) for label in stored["labels"]),
        outcomes=tuple(InstanceOutcome(**outcome) for outcome in stored["outcomes"]),
        images=stored["images"],
        vision_units=stored["vision_units"],
        remarks=tuple(stored["remarks"]),
        masked_images=stored["masked_images"],
        masked_regions=stored["masked_regions"],
        withheld_images=stored["withheld_images"],
    )


def _candidate(stored: Mapping[str, Any]) -> Candidate:
    return Candidate(
        kind=CandidateKind(stored["kind"]),
        label=stored["label"],
        score=stored["score"],
        image=ImageReference(**stored["image"]),
        region=Region(**stored["region"]) if stored["region"] else None,
    )


def merge(base: StudyFindings, rows: Iterable[AnalysisFindings]) -> StudyFindings:
    """Add the findings of the plan rows that succeeded to ``base``.

    ``base.outcomes`` says what is known of every instance before any analysis; those that wait for
    one stand there as ``analysis-missing`` and take the outcome of their row. The merge takes the
    time of its newest row, or keeps that of ``base`` when no row succeeded, so that writing it
    twice gives the same bytes. Rows may come in any order, at once or one by one, and twice.
    """
    by_id = {row.row_id: row for row in (*rows, *base.analyses)}
    analyses = tuple(by_id[row_id] for row_id in sorted(by_id, key=_row_order))
    found = {o.sop_instance_uid: o for analysis in analyses for o in analysis.outcomes}
    done = {analysis.row_id for analysis in analyses}
    return replace(
        base,
        analyses=analyses,
        outcomes=tuple(
            found.get(o.sop_instance_uid, o) if o.reason == ANALYSIS_MISSING else o
            for o in base.outcomes
        ),
        missing_rows=tuple(row for row in base.missing_rows if row not in done),
        created_at=max((a.created_at for a in analyses), default=base.created_at),
    )


def _row_order(row_id: str) -> tuple[int, str]:
    """Order row ids by their number, which has two digits or more."""
    return (len(row_id), row_id)
