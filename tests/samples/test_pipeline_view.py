"""The pipeline's own rules see the samples as the catalogue counts them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

import samples
from samples import SampleFile, SampleStudy, hostile
from wetread.core.headers import Header, NeedMore, Refusal, read_header
from wetread.core.outcomes import reasons
from wetread.core.pixels.policy import sampling_rule, skip_reason
from wetread.core.settings import Settings


def reading(file: SampleFile) -> Header | Refusal:
    read = read_header(file.content, len(file.content), str)
    assert not isinstance(read, NeedMore)
    return read


def outcome_counts(study: SampleStudy) -> Counter[str]:
    """Count outcomes when every image that is looked at can be decoded."""
    counts: Counter[str] = Counter()
    series: Counter[tuple[str, str]] = Counter()
    for file in study.files():
        read = reading(file)
        if isinstance(read, Refusal):
            counts[reasons()[read.reason].outcome.value] += 1
        elif reason := skip_reason(read):
            counts[reasons()[reason].outcome.value] += 1
        else:
            series[read.modality, read.series_instance_uid] += 1
    for (modality, _), images in series.items():
        limit = Settings().sampled_frames_per_series
        looked_at = min(images, limit) if sampling_rule(modality).per == "series" else images
        counts["analysed"] += looked_at
        counts["skipped"] += images - looked_at
    return counts


@pytest.mark.parametrize("study", samples.catalog(), ids=lambda study: study.name)
def test_outcomes_are_those_of_the_catalogue(study: SampleStudy) -> None:
    assert outcome_counts(study) == Counter(study.expected.outcomes)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (hostile.not_dicom, "not-dicom"),
        (hostile.zero_bytes, "empty-file"),
        (hostile.truncated, "truncated"),
        (hostile.lying_length, "truncated"),
        (lambda: hostile.missing_uid("StudyInstanceUID"), "missing-uids"),
        (lambda: hostile.malformed_uid("SOPInstanceUID"), "missing-uids"),
    ],
    ids=["not-dicom", "zero-bytes", "truncated", "lying-length", "missing-uid", "malformed-uid"],
)
def test_bad_files_are_refused_for_the_right_reason(make: Callable[[], bytes], reason: str) -> None:
    assert reading(SampleFile("x", make())) == Refusal(reason)


@pytest.mark.parametrize("make", [hostile.truncated_header, hostile.preamble_only])
def test_a_file_that_ends_in_its_header_is_refused(make: Callable[[], bytes]) -> None:
    assert isinstance(reading(SampleFile("x", make())), Refusal)


def test_a_report_from_elsewhere_is_no_image_and_not_our_own() -> None:
    read = reading(hostile.structured_report_only()[0])
    assert isinstance(read, Header)
    assert skip_reason(read) == "no-pixel-data"
