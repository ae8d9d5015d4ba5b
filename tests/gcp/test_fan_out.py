"""One stream, several consumers: each sees all of it, and none can hold the others for good."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wetread.gcp.fan_out import fan_out


class LostError(Exception):
    """What a stream or a consumer meets."""


def fail_at_once(_: Iterator[int]) -> int:
    raise LostError


@given(st.lists(st.integers(), max_size=60), st.integers(1, 4))
def test_every_consumer_sees_every_item_in_order(items: list[int], consumers: int) -> None:
    assert fan_out(items, [list] * consumers) == [items] * consumers


@given(st.integers(0, 60), st.integers(0, 60))
def test_one_that_stops_early_holds_nobody(items: int, taken: int) -> None:
    some, everything = fan_out(range(items), [lambda numbers: list(islice(numbers, taken)), list])
    assert some == list(range(min(items, taken)))
    assert everything == list(range(items))


def test_a_stream_that_nobody_reads_on_is_not_read_on() -> None:
    read = []

    def stream() -> Iterator[int]:
        for number in count():
            read.append(number)
            yield number

    with pytest.raises(LostError):
        fan_out(stream(), [fail_at_once, fail_at_once])
    assert len(read) < 1000


@pytest.mark.parametrize("before", [0, 1, 40])
def test_a_stream_that_breaks_ends_those_that_read_and_those_that_have_ended(before: int) -> None:
    def stream() -> Iterator[int]:
        yield from range(before)
        raise LostError

    with pytest.raises(LostError):
        fan_out(stream(), [fail_at_once, sum])
    with pytest.raises(LostError):
        fan_out(stream(), [lambda numbers: next(numbers, 0), sum])
