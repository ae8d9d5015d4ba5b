"""Parts of an answer, however the network cuts it, and of a request."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wetread.gcp.multipart import joined, parts

TYPE = 'multipart/related; type="application/dicom"; boundary=bound'


def body(contents: list[bytes]) -> bytes:
    return (
        b"".join(
            b"--bound\r\nContent-Type: application/dicom\r\n\r\n" + content + b"\r\n"
            for content in contents
        )
        + b"--bound--\r\n"
    )


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


@given(contents=st.lists(st.binary(max_size=60), max_size=5), size=st.integers(1, 70))
def test_every_part_comes_whole_and_in_order(contents: list[bytes], size: int) -> None:
    assert list(parts(TYPE, cut(body(contents), size))) == contents


@given(contents=st.lists(st.binary(max_size=60), min_size=1, max_size=5))
def test_what_is_joined_falls_apart_again(contents: list[bytes]) -> None:
    content_type, sent = joined("application/dicom", contents)
    assert list(parts(content_type, [sent])) == contents


def test_a_content_may_look_like_a_delimiter() -> None:
    contents = [b"x--bound", b"\r\n-bound\r\n\r\n", b"\r\n\r\n--"]
    assert list(parts(TYPE, [body(contents)])) == contents


def test_a_body_that_breaks_off_gives_the_parts_before() -> None:
    whole = body([b"one", b"two", b"three"])
    assert list(parts(TYPE, [whole[: whole.index(b"three") + 2]])) == [b"one", b"two"]


def test_an_answer_that_is_not_multipart() -> None:
    with pytest.raises(ValueError, match="not multipart"):
        list(parts("application/dicom", [b""]))
