"""The report in plain words: what was found, what was looked at, and what was not and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from wetread.core.fhir.elements import counted
from wetread.core.fhir.filing import Filing
from wetread.core.fhir.observation import label_of
from wetread.core.fhir.study import StudyFacts
from wetread.core.fhir.surroundings import Surroundings
from wetread.core.findings import (
    ANALYSIS_MISSING,
    AnalysisFindings,
    Candidate,
    Finding,
    StudyFindings,
)
from wetread.core.outcomes import Outcome, reasons
from wetread.core.pixels.policy import remarks
from wetread.core.terminology import body_part_concept, finding_concept, modality_concept

DISCLAIMER: Final = "Preliminary. AI output, not reviewed by a radiologist. Not for clinical use."
SIGNED_REPORT: Final = "A signed report of the study exists and stays; this result is beside it."
NOTHING_FOUND: Final = "No candidate was found; this does not mean that there is nothing to find."
_NAMED: Final = 5
"""Findings and anomaly candidates that the conclusion spells out; all are in the Observations."""


def conclusion_lines(
    findings: StudyFindings,
    facts: StudyFacts | None = None,
    *,
    unlisted: int = 0,
    surroundings: Surroundings | None = None,
    filing: Filing | None = None,
) -> list[str]:
    """Return the paragraphs of the conclusion.

    ``facts`` name the body part of each series; ``unlisted`` counts candidates that got no
    Observation because there are too many; ``surroundings`` and ``filing`` say what the record has
    and lacks.
    """
    known = facts or StudyFacts()
    return [
        DISCLAIMER,
        *([SIGNED_REPORT] if filing and filing.signed else []),
        *_found(findings, unlisted),
        *_looked_at(findings, known),
        _counts(findings),
        *_reasons(findings),
        *_missing(findings),
        *(_predecessor(filing) if filing else ()),
        *(_not_found(known, surroundings) if surroundings else ()),
    ]


def _predecessor(filing: Filing) -> Iterator[str]:
    if filing.predecessor:
        yield "This result follows an earlier AI report of the study, which stays as it is."


def _not_found(facts: StudyFacts, surroundings: Surroundings) -> Iterator[str]:
    """Say whom and what the record does not know: nobody is invented."""
    if surroundings.subject.identifier is None:
        yield "Patient not identified: the stored images name nobody, or more than one."
    elif surroundings.subject.is_ambiguous:
        yield "Patient not found: several in the record have the patient number of the images."
    elif surroundings.subject.reference is None:
        yield "Patient not found: nobody in the record has the patient number of the images."
    if facts.accession is None:
        yield "Order not found: no stored image has an accession number."
    elif surroundings.service_request is None:
        yield (
            "Order not found: no single order of the patient in the record has the images'"
            " accession number."
        )


def _found(findings: StudyFindings, unlisted: int) -> list[str]:
    if not findings.analyses and not findings.missing:
        return [_nothing_to_analyse(findings)]
    if not findings.analyses:
        return ["No analysis has succeeded yet."]
    if not findings.candidates and not findings.findings:
        return [NOTHING_FOUND, *_absences(findings)]
    return [*_findings(findings), *_absences(findings), *_candidates(findings, unlisted)]


def _findings(findings: StudyFindings) -> Iterator[str]:
    ranked = sorted(findings.findings, key=lambda f: (-f.score, f.code))
    if ranked:
        named = "; ".join(map(_named, ranked[:_NAMED]))
        yield f"{counted(len(ranked), 'finding')} to be confirmed: {named}."


def _absences(findings: StudyFindings) -> Iterator[str]:
    """Name what a specialised model looked for and did not find anywhere in the study."""
    present = {finding.code for finding in findings.findings}
    absent = {absence.code for analysis in findings.analyses for absence in analysis.absences}
    if names := sorted(finding_concept(code).label for code in absent - present):
        yield f"Looked for and not found: {', '.join(names).lower()}."


def _candidates(findings: StudyFindings, unlisted: int) -> list[str]:
    if not findings.candidates:
        return []
    anomalies = sorted(findings.anomalies, key=lambda c: (-c.score, c.label))
    objects = len(findings.candidates) - len(anomalies)
    lines = [
        f"{counted(len(anomalies), 'anomaly candidate')} and"
        f" {counted(objects, 'object candidate')}, none of them a diagnosis."
    ]
    if anomalies:
        lines.append(f"Highest scores: {'; '.join(map(_named, anomalies[:_NAMED]))}.")
    if unlisted:
        lines.append(
            f"{counted(unlisted, 'candidate')} with the lowest scores"
            f" {'is' if unlisted == 1 else 'are'} not listed one by one."
        )
    return lines


def _looked_at(findings: StudyFindings, facts: StudyFacts) -> list[str]:
    """Say of each series what it shows, how many of its images were looked at, and how."""
    series = {s.series_instance_uid: s for s in facts.series}
    lines = []
    for analysis in findings.analyses:
        known = series.get(analysis.series_instance_uid)
        part = body_part_concept(known.body_part) if known else None
        place = f", {part.display.lower()}" if part else ""
        number = f" (series {known.number})" if known and known.number is not None else ""
        texts = [remarks()[code] for code in analysis.remarks]
        images = _images(analysis)
        texts += _burned_in_text(analysis)
        lines.append(" ".join([f"{_modality(analysis)}{place}{number}: {images}", *texts]))
    return lines


def _images(analysis: AnalysisFindings) -> str:
    if analysis.is_specialised and not analysis.images:
        return f"{_model(analysis)} did not take these images."
    return f"{counted(analysis.images, 'image')} looked at by {_model(analysis)}."


def _burned_in_text(analysis: AnalysisFindings) -> Iterator[str]:
    if analysis.masked_images:
        yield f"Burned-in text was masked in {counted(analysis.masked_images, 'image')}."
    if analysis.withheld_images:
        withheld = counted(analysis.withheld_images, "image")
        yield f"{withheld} not sent because of burned-in text."


def _modality(analysis: AnalysisFindings) -> str:
    return modality_concept(analysis.modality).display


def _nothing_to_analyse(findings: StudyFindings) -> str:
    if not findings.outcomes:
        return "Nothing to analyse, because no instance of the study arrived."
    return f"Nothing to analyse, because {'; '.join(_not_analysed(findings))}"


def _model(analysis: AnalysisFindings) -> str:
    return f"{analysis.source.name} {analysis.source.version}".strip()


def _named(seen: Finding | Candidate) -> str:
    number = seen.image.instance_number
    where = f" (image {number})" if number is not None else ""
    if isinstance(seen, Finding):
        return f"{seen.sized_label}, score {seen.score:.2f}{where}"
    return f"{label_of(seen)} {seen.score:.2f}{where}"


def _counts(findings: StudyFindings) -> str:
    counts = findings.counts
    parts = ", ".join(f"{number} {outcome}" for outcome, number in counts.as_dict().items())
    return f"{counted(counts.arrived, 'instance')} arrived: {parts}."


def _reasons(findings: StudyFindings) -> list[str]:
    """Say why instances were not analysed; an empty plan has said so already."""
    if not findings.analyses and not findings.missing:
        return []
    return _not_analysed(findings)


def _not_analysed(findings: StudyFindings) -> list[str]:
    """Return a line for each reason but the missing analyses, which are named by row."""
    tally = Counter(reasons()[outcome.reason] for outcome in findings.outcomes)
    return [
        f"{count} {reason.outcome}: {reason.text}"
        for reason, count in sorted(tally.items(), key=lambda item: item[0].code)
        if reason.outcome is not Outcome.ANALYSED and reason.code != ANALYSIS_MISSING
    ]


def _missing(findings: StudyFindings) -> list[str]:
    if not findings.missing:
        return []
    names = ", ".join(map(str, sorted(findings.missing)))
    waiting = sum(outcome.reason == ANALYSIS_MISSING for outcome in findings.outcomes)
    without = f"; {counted(waiting, 'instance')} not looked at" if waiting else ""
    return [
        f"Incomplete: {counted(len(findings.missing), 'analysis', 'analyses')} ({names}) not done"
        f" yet{without}. The report is completed when they are."
    ]
