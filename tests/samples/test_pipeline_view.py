"""The pipeline's own rules see the samples as the catalogue counts them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from io import BytesIO

import pytest
from pydicom import dcmread
from tests.core.routing.cases import DEMO

import samples
from samples import SampleFile, SampleStudy, hostile
from wetread.core.headers import Header, NeedMore, Refusal, read_header
from wetread.core.outcomes import reasons
from wetread.core.pixels.metadata import Metadata
from wetread.core.pixels.policy import skip_reason
from wetread.core.pixels.sampling import sampling_of, select_frames
from wetread.core.routing.analysis import Input
from wetread.core.routing.matching import matching_analyses
from wetread.core.routing.table import changed_analyses, shipped_analyses
from wetread.core.settings import Settings

_WHOLE = (Input.VOLUME, Input.REFERENCE)
"""What a model takes that reads every image of a series."""


def reading(file: SampleFile) -> Header | Refusal:
    read = read_header(file.content, len(file.content), str)
    assert not isinstance(read, NeedMore)
    return read


def outcome_counts(study: SampleStudy) -> Counter[str]:
    """Count outcomes when every image that is looked at can be decoded, by the stack's models."""
    codes: list[str] = []
    series: dict[str, list[Metadata]] = defaultdict(list)
    headers: dict[str, list[Header]] = defaultdict(list)
    for file in study.files():
        read = reading(file)
        if isinstance(read, Refusal):
            codes.append(read.reason)
        elif reason := skip_reason(read):
            codes.append(reason)
        else:
            metadata = dcmread(BytesIO(file.content), stop_before_pixels=True).to_json_dict()
            series[read.series_instance_uid].append(metadata)
            headers[read.series_instance_uid].append(read)
    sampling = sampling_of(Settings())
    table = changed_analyses(shipped_analyses(), DEMO)
    for uid, images in series.items():
        taken = matching_analyses(table, headers[uid])
        sampled = {frame.sop_instance_uid for frame in select_frames(images, sampling)}
        is_read_whole = any(a.is_live and a.input in _WHOLE for a in taken)
        looked_at = len(images) if is_read_whole else len(sampled)
        left_out = sampling.reason_left_out(study.expected.modality)
        codes += ["analysed"] * looked_at + [left_out] * (len(images) - looked_at)
    return Counter(reasons()[code].outcome.value for code in codes)


@pytest.mark.parametrize("study", samples.catalog(), ids=lambda study: study.name)
def test_outcomes_are_those_of_the_catalogue(study: SampleStudy) -> None:
    assert outcome_counts(study) == +Counter(study.expected.outcomes)


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
