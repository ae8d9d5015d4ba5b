"""Study keys and run ids: stable, opaque, and found again after a rotation."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wetread.core.errors import PermanentError, WetreadError
from wetread.core.identity import (
    STUDY_KEY_PATTERN,
    UID_PATTERN,
    KeyRing,
    StudyVersion,
    decode_key,
    encode_key,
    parse_run_id,
)

UID = "2.25.113619"
KEYS = st.binary(min_size=32, max_size=64)
UIDS = st.from_regex(r"[1-9][0-9]{0,8}(\.(0|[1-9][0-9]{0,8})){1,5}", fullmatch=True)


@given(KEYS, UIDS, st.integers(1, 10**6))
def test_a_study_key_is_the_hmac_of_the_uid_and_hides_it(key: bytes, uid: str, number: int) -> None:
    (study_key,) = KeyRing({number: key}).study_keys(uid)
    mac = hmac.new(key, uid.encode(), hashlib.sha256).digest()
    assert study_key == f"k{number}-{base64.b32encode(mac).decode().lower()[:26]}"
    assert re.fullmatch(STUDY_KEY_PATTERN, study_key)
    assert uid not in study_key


def test_a_study_key_carries_100_bits_or_more() -> None:
    (study_key,) = KeyRing({1: bytes(32)}).study_keys(UID)
    assert len(study_key.partition("-")[2]) * 5 >= 100


@given(KEYS, st.sets(UIDS, min_size=2, max_size=20))
def test_studies_have_keys_of_their_own(key: bytes, uids: set[str]) -> None:
    ring = KeyRing({1: key})
    assert len({ring.study_keys(uid)[0] for uid in uids}) == len(uids)


@given(KEYS, KEYS)
def test_another_key_gives_another_name(first: bytes, second: bytes) -> None:
    names = {KeyRing({1: key}).study_keys(UID)[0] for key in (first, second)}
    assert (len(names) == 1) == (first == second)


@given(st.dictionaries(st.integers(1, 50), KEYS, min_size=1, max_size=5), KEYS)
def test_after_a_rotation_the_new_key_names_and_the_old_ones_find(
    keys: dict[int, bytes], added: bytes
) -> None:
    before = KeyRing(keys).study_keys(UID)
    newest = max(keys) + 1
    after = KeyRing({**keys, newest: added}).study_keys(UID)
    assert after[0].startswith(f"k{newest}-")
    assert after[1:] == before


def test_keys_are_ordered_by_number_and_not_by_text() -> None:
    ring = KeyRing({9: bytes(32), 10: bytes(32)})
    assert [key.partition("-")[0] for key in ring.study_keys(UID)] == ["k10", "k9"]
    assert ring.newest == 10


def test_tokens_compare_values_under_the_newest_key() -> None:
    ring = KeyRing({1: b"a" * 32, 2: b"b" * 32})
    assert ring.token("patient") == KeyRing({2: b"b" * 32}).token("patient")
    assert ring.token("patient") != ring.token("another")
    assert "patient" not in ring.token("patient")


@given(st.from_regex(STUDY_KEY_PATTERN, fullmatch=True), st.integers(1, 10**9))
def test_run_ids_round_trip(study_key: str, version: int) -> None:
    study = StudyVersion(study_key, version)
    assert parse_run_id(study.run_id) == study


@pytest.mark.parametrize(
    "run_id",
    [
        "manual__2026-11-22T08:00:00+00:00",
        f"study__{UID}__v1",
        "study__k1-abcdefghijklmnopqrstuvwxyz__v0",
        "study__k1-abcdefghijklmnopqrstuvwxyz__v01",
        "study__k0-abcdefghijklmnopqrstuvwxyz__v1",
        "study__k1-abcdefghijklmnopqrstuvwxyz__v1\n",
        "study__k1-abcdefghijklmnopqrstuvwxyz",
        " study__k1-abcdefghijklmnopqrstuvwxyz__v1",
        "",
    ],
)
def test_other_run_ids_are_refused_and_not_repeated(run_id: str) -> None:
    with pytest.raises(PermanentError) as raised:
        parse_run_id(run_id)
    assert raised.value.code == "run-id-unknown"
    assert not run_id or run_id not in str(raised.value)


@given(KEYS, st.booleans())
def test_a_key_comes_back_from_the_secret(key: bytes, development: bool) -> None:
    payload = encode_key(key, development=development)
    assert decode_key(payload, allow_development=True) == key
    assert decode_key(payload + b"\n", allow_development=True) == key


def test_a_development_key_is_refused_off_loopback_and_a_production_key_nowhere() -> None:
    with pytest.raises(PermanentError) as raised:
        decode_key(encode_key(b"d" * 32, development=True), allow_development=False)
    assert raised.value.code == "study-key-secret-unusable"
    assert decode_key(encode_key(b"p" * 32), allow_development=False) == b"p" * 32


@pytest.mark.parametrize("allow_development", [False, True])
@given(payload=st.one_of(st.binary(max_size=80), st.binary(max_size=31).map(encode_key)))
def test_anything_else_is_no_key_and_is_not_repeated(
    allow_development: bool, payload: bytes
) -> None:
    with pytest.raises(WetreadError) as raised:
        decode_key(payload, allow_development=allow_development)
    assert raised.value.code == "study-key-secret-unusable"
    assert len(payload) < 8 or payload.decode("latin-1") not in str(raised.value)


@pytest.mark.parametrize("uid", ["1.2", "0.0", "2.25.0", "1." + "2" * 62])
def test_uids(uid: str) -> None:
    assert UID_PATTERN.match(uid)


@pytest.mark.parametrize(
    "uid",
    ["", "1", "1.", ".1", "1..2", "1.2\n", "1.2 ", "1." + "2" * 63, "1.a", "1.٢"],
)
def test_what_is_no_uid(uid: str) -> None:
    assert not UID_PATTERN.match(uid)
