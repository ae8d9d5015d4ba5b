"""One JSON line per study and per failure, which log-based metrics and alert policies read.

The schema stands in docs/reference/events.md. A line names no patient and no UID: fields take
only keys, codes, numbers and DICOM's own modalities.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Final

from wetread.core.canonical import canonical_json
from wetread.core.errors import PermanentError, WetreadError, catalogue, problem
from wetread.core.findings import AnalysisFindings, StudyFindings
from wetread.core.identity import STUDY_KEY_PATTERN
from wetread.core.outcomes import OutcomeCounts
from wetread.core.terminology import public_modalities, public_modality

SCHEMA_VERSION: Final = 1
_SECONDS_DECIMALS: Final = 3
_SCORE_BINS: Final = 10
"""Bins of a score histogram, each a tenth wide; the last holds 1, too."""


class StudyOutcome(StrEnum):
    """How a study's run ended."""

    COMPLETE = "complete"
    """Every planned analysis is in the report."""
    INCOMPLETE = "incomplete"
    """The report names analyses that have not succeeded yet."""
    NOTHING_TO_ANALYSE = "nothing-to-analyse"
    """The report says why no image was analysed."""


class FailureOutcome(StrEnum):
    """What happens after a failure."""

    PERMANENT = "permanent"
    """Nothing by itself: the task failed and a person decides."""
    RETRIABLE = "retriable"
    """Airflow tries again."""


@dataclass(frozen=True)
class StudyEvent:
    """The end of one run of a study; ``seconds`` from its claim to its report."""

    event: ClassVar[str] = "study"

    study_key: str
    version: int
    modality: str
    outcome: StudyOutcome
    instances: OutcomeCounts
    findings: int
    candidates: int
    anomalies: int
    images: int
    vision_units: int
    masked_images: int
    withheld_images: int
    seconds: float
    versions: Mapping[str, str] = field(default_factory=dict)

    def json_line(self) -> str:
        return _json_line(self.event, self)


class AnalysisOutcome(StrEnum):
    """How one analysis of one plan row ended."""

    SUCCEEDED = "succeeded"
    """Its findings are stored."""
    FAILED = "failed"
    """The report names it as missing, unless it is a shadow."""


@dataclass(frozen=True)
class AnalysisEvent:
    """One model's work on one plan row; ``seconds`` that it took, ``code`` of its error if any.

    ``scores`` counts every score that the model gave, also below its threshold, by tenths.
    """

    event: ClassVar[str] = "analysis"

    study_key: str
    version: int
    row: str
    analysis: str
    mode: str
    outcome: AnalysisOutcome
    code: str | None
    images: int
    findings: int
    candidates: int
    scores: tuple[int, ...]
    seconds: float
    versions: Mapping[str, str] = field(default_factory=dict)

    def json_line(self) -> str:
        return _json_line(self.event, self)


@dataclass(frozen=True)
class FailureEvent:
    """A task that failed; ``seconds`` since it began.

    The study is None where the task could not tell it, or serves no single study.
    """

    event: ClassVar[str] = "failure"

    study_key: str | None
    version: int | None
    modality: str
    outcome: FailureOutcome
    code: str
    task: str
    attempt: int
    seconds: float
    versions: Mapping[str, str] = field(default_factory=dict)

    def json_line(self) -> str:
        return _json_line(self.event, self)


def study_event(
    findings: StudyFindings, *, seconds: float, versions: Mapping[str, str]
) -> StudyEvent:
    """Return the event of a study whose report was written.

    Parameters
    ----------
    versions
        Software by name, such as ``{"wetread": "0.1.0"}``; the models are added.
    """
    models = {analysis.source.name: analysis.source.version for analysis in findings.analyses}
    return StudyEvent(
        study_key=findings.study_key,
        version=findings.version,
        modality=public_modalities(analysis.modality for analysis in findings.analyses),
        outcome=_study_outcome(findings),
        instances=findings.counts,
        findings=len(findings.findings),
        candidates=len(findings.candidates),
        anomalies=len(findings.anomalies),
        images=findings.images,
        vision_units=findings.vision_units,
        masked_images=findings.masked_images,
        withheld_images=findings.withheld_images,
        seconds=seconds,
        versions={**versions, **models},
    )


def analysis_event(
    ended: AnalysisFindings | WetreadError,
    *,
    study_key: str,
    version: int,
    row: str,
    analysis: str,
    mode: str,
    seconds: float,
) -> AnalysisEvent:
    """Return the event of an analysis that ``ended`` with findings, or with an error."""
    found = None if isinstance(ended, WetreadError) else ended
    return AnalysisEvent(
        study_key=study_key,
        version=version,
        row=row,
        analysis=analysis,
        mode=mode,
        outcome=AnalysisOutcome.SUCCEEDED if found else AnalysisOutcome.FAILED,
        code=ended.code if isinstance(ended, WetreadError) else None,
        images=found.images if found else 0,
        findings=len(found.findings) if found else 0,
        candidates=len(found.candidates) if found else 0,
        scores=score_histogram(found) if found else (),
        seconds=seconds,
        versions={found.source.name: found.source.version} if found else {},
    )


def score_histogram(findings: AnalysisFindings) -> tuple[int, ...]:
    """Return how many scores lie in each tenth of 0..1."""
    bins = [0] * _SCORE_BINS
    for seen in (*findings.seen, *findings.absences):
        bins[min(int(seen.score * _SCORE_BINS), _SCORE_BINS - 1)] += 1
    return tuple(bins)


def failure_event(
    code: str,
    *,
    study_key: str | None,
    version: int | None,
    modality: str | None,
    task: str,
    attempt: int,
    seconds: float,
    versions: Mapping[str, str],
) -> FailureEvent:
    """Return the event of a task that failed with the error ``code``.

    The error's text stays out: only its code is certain to name nobody.

    Raises
    ------
    KeyError
        The code is not in ``errors.toml``.
    """
    permanent = issubclass(catalogue()[code].family, PermanentError)
    return FailureEvent(
        study_key=study_key,
        version=version,
        modality=public_modality(modality),
        outcome=FailureOutcome.PERMANENT if permanent else FailureOutcome.RETRIABLE,
        code=code,
        task=task,
        attempt=attempt,
        seconds=seconds,
        versions=dict(versions),
    )


def _study_outcome(findings: StudyFindings) -> StudyOutcome:
    if findings.missing:
        return StudyOutcome.INCOMPLETE
    return StudyOutcome.COMPLETE if findings.analyses else StudyOutcome.NOTHING_TO_ANALYSE


def _json_line(event: str, record: StudyEvent | AnalysisEvent | FailureEvent) -> str:
    if record.study_key is not None and not re.fullmatch(STUDY_KEY_PATTERN, record.study_key):
        raise problem("result-invalid", f"the {event} event's study key is none.")
    fields: dict[str, Any] = asdict(record)
    fields["seconds"] = round(record.seconds, _SECONDS_DECIMALS)
    return canonical_json({"event": event, "schema_version": SCHEMA_VERSION, **fields}).decode()
