"""What an analysis found: immutable records that every result is a pure function of.

One :class:`AnalysisFindings` is written once per plan row and analysis, and never changed. The
study's findings are their merge, so an analysis that failed and is cleared later completes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from functools import cached_property
from typing import Any, ClassVar

from wetread.core.canonical import digest
from wetread.core.outcomes import OutcomeCounts, count_outcomes, is_analysed
from wetread.core.terminology import finding_concept

SCORE_DECIMALS = 4
"""Scores are rounded so that another processor's last bit does not make another result."""


ANALYSIS_MISSING = "analysis-missing"
"""The reason of an instance of whose analyses none has succeeded (yet)."""


class CandidateKind(StrEnum):
    """What a candidate of a general-purpose model may be taken for; neither is a diagnosis."""

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
    """Something a general-purpose model points at, with a score in 0..1: non-diagnostic by type."""

    kind: CandidateKind
    label: str
    score: float
    image: ImageReference
    region: Region | None = None


@dataclass(frozen=True)
class Measurement:
    """A measured value of a finding; ``code`` is a concept of ``terminology.toml``."""

    code: str
    value: float
    unit: str

    @property
    def words(self) -> str:
        """The value as people read it; the records keep all its digits."""
        return f"{self.value:.1f} {self.unit}"


@dataclass(frozen=True)
class Mask:
    """Which pixels of which images a finding covers.

    ``bits`` is the base64 form of ``numpy.packbits`` of booleans of shape (images, rows, columns),
    whose first pixel is at ``row`` and ``column`` of each image, from 0.
    """

    sop_instance_uids: tuple[str, ...]
    row: int
    column: int
    rows: int
    columns: int
    bits: str


@dataclass(frozen=True)
class Finding:
    """What a specialised model found, coded; preliminary until a person says otherwise.

    ``code`` is a finding of ``terminology.toml``; ``score`` and ``threshold`` lie in 0..1;
    ``point_mm`` is the centre in patient coordinates (x to the left, y to the back, z upwards).
    """

    kind: ClassVar[str] = "finding"

    code: str
    score: float
    threshold: float
    image: ImageReference
    region: Region | None = None
    point_mm: tuple[float, float, float] | None = None
    measurements: tuple[Measurement, ...] = ()
    mask: Mask | None = None

    @property
    def label(self) -> str:
        """What reports and pictures call the finding."""
        return finding_concept(self.code).label

    @property
    def sized_label(self) -> str:
        """The label and what was measured, such as "Pulmonary nodule 8.1 mm"."""
        return " ".join([self.label, ", ".join(item.words for item in self.measurements)]).strip()


@dataclass(frozen=True)
class Absence:
    """A finding that was looked for and not found; ``score`` is the best that stayed below."""

    code: str
    score: float
    threshold: float


@dataclass(frozen=True)
class ImageLabel:
    """A coarse word about whole images of the series, with its best score in 0..1."""

    label: str
    score: float


@dataclass(frozen=True)
class AnalysisSource:
    """Which model said it: name, version and digests, as provenance.

    ``settings_digest`` is that of the settings and the row of the analysis table; the others say
    which deployment answered, from which weights, in which container. A service has none of them.
    """

    name: str
    version: str
    settings_digest: str
    deployed_model: str = ""
    weights_digest: str = ""
    container: str = ""

    @property
    def identity(self) -> tuple[str, str, str]:
        """What names of results depend on: who says it, and not which machine answered."""
        return self.name, self.version, self.settings_digest


@dataclass(frozen=True)
class InstanceOutcome:
    """The reason code (see ``outcomes.toml``) that one instance ended with."""

    sop_instance_uid: str
    series_instance_uid: str
    reason: str


@dataclass(frozen=True)
class AnalysisFindings:
    """The immutable findings of one analysis of one plan row.

    A general-purpose model gives ``candidates`` and ``labels``, a specialised one ``findings`` and
    ``absences``; the ``texts`` of a language model are kept and shown nowhere. ``created_at`` is an
    RFC 3339 time in UTC; it is the issue time of everything made from this. ``images`` were looked
    at, for which Vision AI bills ``vision_units``. ``remarks`` are codes of ``pixels/policy.toml``:
    how the pictures were made. Burned-in text was painted over in ``masked_images``, at
    ``masked_regions`` places; because of it, or because nobody could look for it,
    ``withheld_images`` were not sent. ``supersedes`` is the digest of what the same analysis said
    of the same series in the study's version before, or "" where it said nothing or the same.
    """

    row_id: str
    analysis_id: str
    series_instance_uid: str
    modality: str
    source: AnalysisSource
    created_at: str
    is_specialised: bool = False
    candidates: tuple[Candidate, ...] = ()
    labels: tuple[ImageLabel, ...] = ()
    findings: tuple[Finding, ...] = ()
    absences: tuple[Absence, ...] = ()
    texts: tuple[str, ...] = ()
    outcomes: tuple[InstanceOutcome, ...] = ()
    images: int = 0
    vision_units: int = 0
    remarks: tuple[str, ...] = ()
    masked_images: int = 0
    masked_regions: int = 0
    withheld_images: int = 0
    supersedes: str = ""

    @property
    def anomalies(self) -> tuple[Candidate, ...]:
        return tuple(c for c in self.candidates if c.kind is CandidateKind.ANOMALY)

    @property
    def seen(self) -> tuple[Finding | Candidate, ...]:
        """Everything that the model points at, whatever it may be taken for."""
        return (*self.findings, *self.candidates)

    @property
    def marked(self) -> tuple[Finding | Candidate, ...]:
        """What a key image shows: the findings and the anomaly candidates."""
        return (*self.findings, *self.anomalies)

    @property
    def name(self) -> AnalysisName:
        return AnalysisName(self.row_id, self.analysis_id)

    @cached_property
    def digest(self) -> str:
        return digest(asdict(self))


@dataclass(frozen=True, order=True)
class AnalysisName:
    """One analysis of one plan row."""

    row_id: str
    analysis_id: str

    def __str__(self) -> str:
        return f"{self.row_id} {self.analysis_id}"


@dataclass(frozen=True)
class StudyFindings:
    """All that is known of one version of a study when its results are written.

    ``outcomes`` covers every instance that arrived; ``missing`` names the analyses that have not
    succeeded yet. What shadow models said is in neither: it is stored, and not shown.
    """

    study_key: str
    version: int
    study_instance_uid: str
    manifest_digest: str
    settings_digest: str
    created_at: str
    analyses: tuple[AnalysisFindings, ...] = ()
    outcomes: tuple[InstanceOutcome, ...] = ()
    missing: tuple[AnalysisName, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        return tuple(f for analysis in self.analyses for f in analysis.findings)

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
        analysis_id=stored["analysis_id"],
        series_instance_uid=stored["series_instance_uid"],
        modality=stored["modality"],
        source=AnalysisSource(**stored["source"]),
        created_at=stored["created_at"],
        is_specialised=stored["is_specialised"],
        candidates=tuple(_candidate(c) for c in stored["candidates"]),
        labels=tuple(ImageLabel(**label) for label in stored["labels"]),
        findings=tuple(_finding(f) for f in stored["findings"]),
        absences=tuple(Absence(**absence) for absence in stored["absences"]),
        texts=tuple(stored["texts"]),
        outcomes=tuple(InstanceOutcome(**outcome) for outcome in stored["outcomes"]),
        images=stored["images"],
        vision_units=stored["vision_units"],
        remarks=tuple(stored["remarks"]),
        masked_images=stored["masked_images"],
        masked_regions=stored["masked_regions"],
        withheld_images=stored["withheld_images"],
        supersedes=stored.get("supersedes", ""),
    )


def _candidate(stored: Mapping[str, Any]) -> Candidate:
    return Candidate(
        kind=CandidateKind(stored["kind"]),
        label=stored["label"],
        score=stored["score"],
        image=ImageReference(**stored["image"]),
        region=Region(**stored["region"]) if stored["region"] else None,
    )


def _finding(stored: Mapping[str, Any]) -> Finding:
    mask, point = stored["mask"], stored["point_mm"]
    return Finding(
        code=stored["code"],
        score=stored["score"],
        threshold=stored["threshold"],
        image=ImageReference(**stored["image"]),
        region=Region(**stored["region"]) if stored["region"] else None,
        point_mm=(point[0], point[1], point[2]) if point else None,
        measurements=tuple(Measurement(**m) for m in stored["measurements"]),
        mask=Mask(**{**mask, "sop_instance_uids": tuple(mask["sop_instance_uids"])})
        if mask
        else None,
    )


def merge(base: StudyFindings, found: Iterable[AnalysisFindings]) -> StudyFindings:
    """Add the findings of the analyses that succeeded to ``base``.

    ``base.outcomes`` says what is known of every instance before any analysis; those that wait for
    one stand there as ``analysis-missing`` and take the best outcome that an analysis gave them.
    The merge takes the time of its newest analysis, or keeps that of ``base`` when none succeeded,
    so that writing it twice gives the same bytes. Analyses may come in any order, at once or one by
    one, and twice.
    """
    by_name = {analysis.name: analysis for analysis in (*found, *base.analyses)}
    analyses = tuple(by_name[name] for name in sorted(by_name, key=_order))
    reached, before = best_outcomes(analyses), set(best_outcomes(base.analyses).values())
    return replace(
        base,
        analyses=analyses,
        outcomes=tuple(
            reached.get(o.sop_instance_uid, o) if o.reason == ANALYSIS_MISSING or o in before else o
            for o in base.outcomes
        ),
        missing=tuple(name for name in base.missing if name not in by_name),
        created_at=max((a.created_at for a in analyses), default=base.created_at),
    )


def best_outcomes(analyses: Iterable[AnalysisFindings]) -> dict[str, InstanceOutcome]:
    """Return each instance's outcome: analysed if any analysis looked at it, else the first one."""
    best: dict[str, InstanceOutcome] = {}
    for outcome in (o for analysis in analyses for o in analysis.outcomes):
        known = best.get(outcome.sop_instance_uid)
        if known is None or (is_analysed(outcome.reason) and not is_analysed(known.reason)):
            best[outcome.sop_instance_uid] = outcome
    return best


def _order(name: AnalysisName) -> tuple[int, str, str]:
    """Order analyses by the number of their row, which has two digits or more."""
    return (len(name.row_id), name.row_id, name.analysis_id)
