"""Which files make up which study: each counted once, whatever the order of arrival."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.core.cases import FOLDERS, PATH_ELEMENTS, START, arrivals, header, source

from wetread.core.arrivals import (
    COMPLETE_MARKER,
    Arrival,
    SourceObject,
    arrival_from_json,
    arrival_to_json,
    folder_of,
    group_by_study,
    is_complete,
)
from wetread.core.headers import Refusal

QUIET = timedelta(seconds=30)
NOT_DICOM = Refusal("not-dicom")


def is_complete_after(
    seconds: float, objects: list[SourceObject], folders: tuple[str, ...] = ("ward",)
) -> bool:
    return is_complete(objects, folders, START + timedelta(seconds=seconds), QUIET)


@given(arrivals())
def test_every_object_is_in_one_group_and_nothing_is_invented(arrived: list[Arrival]) -> None:
    groups = group_by_study(arrived)
    grouped = Counter(a.source.name for members in groups.values() for a in members)
    assert grouped == Counter(a.source.name for a in arrived)


@given(arrivals(), st.randoms(use_true_random=False))
def test_the_order_of_listing_does_not_matter(arrived: list[Arrival], rng: random.Random) -> None:
    shuffled = rng.sample(arrived, len(arrived))
    assert group_by_study(shuffled) == group_by_study(arrived)


@given(arrivals())
def test_members_stand_in_the_order_of_arrival(arrived: list[Arrival]) -> None:
    for members in group_by_study(arrived).values():
        assert members == sorted(members, key=lambda a: (a.source.created_at, a.source.name))


@given(arrivals())
def test_a_readable_file_is_with_its_study_and_an_orphan_with_the_first_of_its_folder(
    arrived: list[Arrival],
) -> None:
    for study, members in group_by_study(arrived).items():
        for member in members:
            if member.study_instance_uid:
                assert study == member.study_instance_uid
                continue
            in_folder = [a for a in arrived if a.source.folder == member.source.folder]
            readable = [a for a in in_folder if a.study_instance_uid]
            first = min(readable, key=lambda a: a.order, default=None)
            assert study == (first.study_instance_uid if first else None)


def test_an_orphan_stays_with_its_study_when_another_joins_the_folder() -> None:
    orphan = Arrival(source("ward/notes.txt", 0), NOT_DICOM)
    first = Arrival(source("ward/b.dcm", 1), header("2.25.8"))
    later = Arrival(source("ward/a.dcm", 2), header("2.25.7"))
    assert group_by_study([orphan]) == {None: [orphan]}
    assert group_by_study([orphan, first]) == {"2.25.8": [orphan, first]}
    assert group_by_study([later, orphan, first]) == {"2.25.8": [orphan, first], "2.25.7": [later]}


def test_a_study_may_span_folders_and_folders_do_not_share_orphans() -> None:
    here, there = (Arrival(source(f"{f}/1.dcm"), header()) for f in ("a", "b"))
    orphan = Arrival(source("c/1.dcm"), NOT_DICOM)
    assert group_by_study([here, there, orphan]) == {"2.25.7": [here, there], None: [orphan]}


def test_folders_whose_names_begin_alike_are_two() -> None:
    ward = Arrival(source("ward/1.dcm"), header("2.25.7"))
    orphan = Arrival(source("ward 7/x"), NOT_DICOM)
    assert group_by_study([ward, orphan])[None] == [orphan]


@given(PATH_ELEMENTS, st.lists(PATH_ELEMENTS, min_size=1, max_size=4))
def test_the_folder_is_the_first_element_whatever_it_is_called(
    folder: str, rest: list[str]
) -> None:
    assert folder_of(f"incoming/{folder}/{'/'.join(rest)}") == folder


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("incoming/loose.dcm", ""),
        ("incoming//x.dcm", ""),
        ("incoming/a//b.dcm", "a"),
        ("incoming/../x.dcm", ".."),
        ("incoming/incoming/x.dcm", "incoming"),
        ("incoming/ ward /x.dcm", " ward "),
    ],
)
def test_folders_of_awkward_names(name: str, folder: str) -> None:
    assert folder_of(name) == folder


@given(arrivals())
def test_arrivals_round_trip_through_json(arrived: list[Arrival]) -> None:
    stored = json.loads(json.dumps([arrival_to_json(a) for a in arrived]))
    assert [arrival_from_json(item) for item in stored] == arrived


@pytest.mark.parametrize(
    ("name", "is_marker"),
    [
        (f"ward/{COMPLETE_MARKER}", True),
        (f"ward/series 1/{COMPLETE_MARKER}", True),
        (f"ward/{COMPLETE_MARKER}.dcm", False),
        (f"ward/X{COMPLETE_MARKER}", False),
        (f"{COMPLETE_MARKER}/1.dcm", False),
        ("ward/_complete", False),
    ],
)
def test_what_marks_a_folder_complete(name: str, is_marker: bool) -> None:
    assert source(name).is_marker is is_marker


@given(FOLDERS)
def test_a_marker_completes_its_folder_at_once(folder: str) -> None:
    image, marker = source(f"{folder}/1.dcm", 10), source(f"{folder}/{COMPLETE_MARKER}", 11)
    assert is_complete_after(11, [image, marker], (folder,))
    assert not is_complete_after(11, [image], (folder,))


def test_a_marker_completes_no_other_folder() -> None:
    objects = [source("ward/1.dcm", 0), source(f"other/{COMPLETE_MARKER}", 0)]
    assert not is_complete_after(1, objects)


@given(st.lists(st.integers(0, 100), min_size=1, max_size=8), st.integers(0, 200))
@example([0, 50], 60)
@example([50, 0], 60)
def test_without_a_marker_the_newest_file_starts_the_quiet_period(
    seconds: list[int], now: int
) -> None:
    objects = [source(f"ward/{n}.dcm", at) for n, at in enumerate(seconds)]
    assert is_complete_after(now, objects) == (now >= max(seconds) + QUIET.total_seconds())


def test_every_folder_of_the_study_must_be_complete() -> None:
    objects = [source("a/1.dcm", 0), source("b/1.dcm", 20), source("c/1.dcm", 1000)]
    assert not is_complete_after(49, objects, ("a", "b"))
    assert is_complete_after(50, objects, ("a", "b"))


def test_a_folder_that_is_empty_by_now_holds_nothing_up() -> None:
    assert is_complete_after(0, [])


def test_times_are_compared_as_times() -> None:
    item = replace(source("ward/1.dcm"), created_at="2026-11-22T09:00:00.000000+01:00")
    assert is_complete_after(30, [item])
    assert not is_complete_after(29, [item])
