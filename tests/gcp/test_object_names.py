"""Names below processed/ and failed/: never too long, never two files under one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.cases import PATH_ELEMENTS

from wetread.core.arrivals import INCOMING
from wetread.gcp.incoming import FAILED, PROCESSED, _beside, _fitting, _moved

LONGEST_NAME_BYTES = 1024
"""Cloud Storage, "Object naming"."""

LETTERS = st.sampled_from(["a", "ö", "検", "🩻", "e\u0301"])
LONG_NAMES = st.builds(
    lambda letter, count, tail: (letter * count)[:1100] + tail,
    LETTERS,
    st.integers(200, 1100),
    PATH_ELEMENTS,
).map(lambda name: name.encode()[: LONGEST_NAME_BYTES - len(INCOMING)].decode(errors="ignore"))
ARRIVED = st.one_of(PATH_ELEMENTS, LONG_NAMES).map(lambda name: INCOMING + name)
NO_DEADLINE = settings(deadline=None)


@given(ARRIVED, st.sampled_from([PROCESSED, FAILED]))
@NO_DEADLINE
def test_a_moved_name_fits_and_so_does_that_of_its_reason(name: str, folder: str) -> None:
    moved = _moved(name, folder)
    for fitted in (moved, _beside(moved)):
        assert fitted.startswith(folder)
        assert len(fitted.encode()) <= LONGEST_NAME_BYTES
    assert _beside(moved).endswith(".reason.json")


@given(st.sets(ARRIVED, max_size=8), st.sampled_from([PROCESSED, FAILED]))
@NO_DEADLINE
def test_no_two_files_meet_in_one_name(names: set[str], folder: str) -> None:
    moved = {_moved(name, folder) for name in names}
    assert len(moved) == len(names)
    assert len(moved | {_beside(name) for name in moved}) == 2 * len(names)


def test_long_names_that_differ_at_their_ends_stay_apart() -> None:
    stem = INCOMING + "x" * (LONGEST_NAME_BYTES - len(INCOMING) - 1)
    assert _moved(stem + "1", PROCESSED) != _moved(stem + "2", PROCESSED)
    assert _beside(_moved(stem + "1", FAILED)) != _beside(_moved(stem + "2", FAILED))


def test_a_name_that_fits_is_kept() -> None:
    assert _moved("incoming/ward 7/Röntgen.dcm", PROCESSED) == "processed/ward 7/Röntgen.dcm"
    assert _beside("failed/ward/x.dcm") == "failed/ward/x.dcm.reason.json"


def test_only_the_first_folder_is_replaced() -> None:
    assert _moved("incoming/incoming/x.dcm", FAILED) == "failed/incoming/x.dcm"


@pytest.mark.parametrize("length", range(LONGEST_NAME_BYTES - 40, LONGEST_NAME_BYTES + 3))
@pytest.mark.parametrize("letter", ["a", "検", "🩻"])
def test_a_name_is_cut_between_letters_and_only_where_it_must_be(length: int, letter: str) -> None:
    size = len(letter.encode())
    name = letter * (length // size)
    fitted = _fitting(name, ".s")
    fits = len(name.encode()) + 2 <= LONGEST_NAME_BYTES
    assert fitted == name + ".s" if fits else fitted.startswith(letter * 200)
    assert len(fitted.encode()) <= LONGEST_NAME_BYTES
    assert "�" not in fitted
    assert _fitting(name, ".s") == fitted


def test_a_file_called_like_a_reason_does_not_take_the_place_of_one() -> None:
    endings = ("", ".reason.json", ".reason.json~", ".reason.json~~", "~")
    refused = [_moved(f"incoming/ward/x.dcm{ending}", FAILED) for ending in endings]
    names = [*refused, *map(_beside, refused)]
    assert len(set(names)) == len(names)
    assert _moved("incoming/ward/x.reason.json", PROCESSED) == "processed/ward/x.reason.json"
