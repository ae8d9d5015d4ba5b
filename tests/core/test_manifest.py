"""What a version consists of: the first arrival wins, and two patients stop everything."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from tests.core.cases import KEY, STUDY, arrivals, header, headers, source

from samples import hostile
from wetread.core.arrivals import Arrival
from wetread.core.headers import Header, Refusal, read_header
from wetread.core.manifest import Manifest, judge_arrivals, manifest_from_json


def manifest(
    arrived: Sequence[Arrival], stored: Sequence[Header] = (), version: int = 1
) -> Manifest:
    judged = judge_arrivals(arrived, stored)
    return Manifest(KEY, version, STUDY, "2026-11-22T08:00:00Z", judged, tuple(stored))


ARRIVALS = arrivals(studies=(STUDY,))
STORED = st.lists(headers(), max_size=4, unique_by=lambda h: h.sop_instance_uid)


def reasons_by_name(judged: Sequence[Arrival]) -> dict[str, str | None]:
    return {a.source.name.rpartition("/")[2]: getattr(a.content, "reason", None) for a in judged}


@given(ARRIVALS, STORED, st.randoms(use_true_random=False))
def test_the_judgement_does_not_depend_on_the_order_of_listing(
    arrived: list[Arrival], stored: list[Header], rng: random.Random
) -> None:
    shuffled = rng.sample(arrived, len(arrived))
    assert judge_arrivals(shuffled, stored) == judge_arrivals(arrived, stored)


@given(ARRIVALS, STORED)
def test_every_arrival_is_judged_once_and_refusals_stand(
    arrived: list[Arrival], stored: list[Header]
) -> None:
    judged = judge_arrivals(arrived, stored)
    assert Counter(a.source for a in judged) == Counter(a.source for a in arrived)
    before = {a.source: a.content for a in arrived}
    assert all(
        a.content == before[a.source] or isinstance(before[a.source], Header) for a in judged
    )
    assert judge_arrivals(judged, stored) == judged


@given(ARRIVALS)
def test_of_each_instance_the_first_arrival_is_accepted_and_no_other(
    arrived: list[Arrival],
) -> None:
    accepted = {h.sop_instance_uid: s for s, h in manifest(arrived).accepted}
    readable = [a for a in arrived if isinstance(a.content, Header)]
    assert set(accepted) == {a.content.sop_instance_uid for a in readable}
    for arrival in readable:
        winner = accepted[arrival.content.sop_instance_uid]
        assert (winner.created_at, winner.name) <= arrival.order


def test_a_later_copy_is_a_duplicate_or_a_conflict_by_its_bytes() -> None:
    judged = judge_arrivals(
        [
            Arrival(source("ward/same", 2, "AAAAAA=="), header()),
            Arrival(source("ward/first", 1, "AAAAAA=="), header()),
            Arrival(source("ward/other", 3, "BBBBBB=="), header()),
            Arrival(replace(source("ward/longer", 4, "AAAAAA=="), size_bytes=1001), header()),
        ],
        (),
    )
    assert reasons_by_name(judged) == {
        "first": None,
        "same": "duplicate",
        "other": "conflicting-copy",
        "longer": "conflicting-copy",
    }


def test_two_patients_refuse_every_readable_file() -> None:
    files = hostile.two_patients()
    arrived = [
        Arrival(
            source(f"ward/{file.name}"),
            read_header(file.content, len(file.content), lambda identity: identity),
        )
        for file in files
    ]
    arrived.append(Arrival(source("ward/x"), Refusal("not-dicom")))
    assert reasons_by_name(judge_arrivals(arrived, ())) == {
        "1.dcm": "two-patients",
        "2.dcm": "two-patients",
        "x": "not-dicom",
    }


def test_the_patient_of_the_stored_images_counts_and_nobody_does_not() -> None:
    arrived = [Arrival(source("ward/1"), header(instance=1))]
    stored = header(instance=2)
    other, nobody = replace(stored, patient="other"), replace(stored, patient="")
    assert reasons_by_name(judge_arrivals(arrived, [stored])) == {"1": None}
    assert reasons_by_name(judge_arrivals(arrived, [nobody])) == {"1": None}
    assert reasons_by_name(judge_arrivals(arrived, [other])) == {"1": "two-patients"}


@given(ARRIVALS, STORED, st.randoms(use_true_random=False))
def test_the_digest_depends_on_the_instances_alone(
    arrived: list[Arrival], stored: list[Header], rng: random.Random
) -> None:
    renamed = [
        Arrival(replace(a.source, name=f"incoming/other/{rng.random()}", generation=9), a.content)
        for a in rng.sample(arrived, len(arrived))
    ]
    sealed = manifest(arrived, stored)
    again = replace(manifest(renamed, stored[::-1], 2), sealed_at="2027-01-01T00:00:00Z")
    assert again.digest == sealed.digest
    assert manifest([], sealed.instances).digest == sealed.digest


@given(ARRIVALS)
def test_another_instance_is_another_digest(arrived: list[Arrival]) -> None:
    late = Arrival(source("ward/late", 99), header(series=9))
    assert manifest([*arrived, late]).digest != manifest(arrived).digest


@given(ARRIVALS, STORED)
def test_instances_are_the_stored_and_the_accepted_each_once(
    arrived: list[Arrival], stored: list[Header]
) -> None:
    sealed = manifest(arrived, stored)
    uids = [h.sop_instance_uid for h in sealed.instances]
    assert uids == sorted(
        {h.sop_instance_uid for h in stored} | {h.sop_instance_uid for _, h in sealed.accepted}
    )
    assert len(sealed.accepted) + len(sealed.refused) == len(arrived)


@given(ARRIVALS, STORED)
def test_manifests_round_trip_through_json(arrived: list[Arrival], stored: list[Header]) -> None:
    sealed = manifest(arrived, stored)
    assert manifest_from_json(json.loads(json.dumps(sealed.as_json()))) == sealed
