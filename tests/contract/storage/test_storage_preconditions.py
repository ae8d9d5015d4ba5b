"""Preconditions on every verb: the idempotency of the pipeline rests on them."""

from __future__ import annotations

import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from google.api_core import exceptions
from google.cloud import storage

DOCS = "https://cloud.google.com/storage/docs/request-preconditions"
STALE = 1
Verb = Callable[[storage.Bucket], object]


def _resumable(bucket: storage.Bucket, **conditions: int) -> None:
    blob = bucket.blob("o", chunk_size=256 << 10)
    blob.upload_from_file(io.BytesIO(b"z" * 600_000), **conditions)


def _patch(bucket: storage.Bucket, **conditions: int) -> None:
    blob = bucket.blob("o")
    blob.metadata = {"a": "b"}
    blob.patch(**conditions)


VERBS = {
    "upload": lambda b, **c: b.blob("o").upload_from_string(b"new", **c),
    "resumable upload": _resumable,
    "metadata": lambda b, **c: b.blob("o").reload(**c),
    "download": lambda b, **c: b.blob("o").download_as_bytes(**c),
    "ranged download": lambda b, **c: b.blob("o").download_as_bytes(start=1, end=2, **c),
    "patch": _patch,
    "update": lambda b, **c: b.blob("o").update(**c),
    "delete": lambda b, **c: b.blob("o").delete(**c),
    "copy to": lambda b, **c: b.copy_blob(b.blob("other"), b, "o", **c),
    "rewrite to": lambda b, **c: b.blob("o").rewrite(b.blob("other"), **c),
    "move to": lambda b, **c: b.move_blob(b.blob("other"), "o", **c),
    "compose": lambda b, **c: b.blob("o").compose([b.blob("other")], **c),
}
SOURCE_VERBS = {
    "copy from": lambda b, **c: b.copy_blob(b.blob("o"), b, "copy", **c),
    "rewrite from": lambda b, **c: b.blob("copy").rewrite(b.blob("o"), **c),
    "move from": lambda b, **c: b.move_blob(b.blob("o"), "copy", **c),
}


@pytest.fixture
def filled(bucket: storage.Bucket) -> storage.Bucket:
    """A bucket with the objects ``o`` and ``other``."""
    for name in ("o", "other"):
        bucket.blob(name).upload_from_string(b"old content")
    return bucket


@pytest.mark.rule("storage.precondition.generation", DOCS)
@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
def test_a_stale_generation_stops_every_verb(
    filled: storage.Bucket, verb: Callable[..., object]
) -> None:
    before = filled.get_blob("o")
    with pytest.raises(exceptions.PreconditionFailed):
        verb(filled, if_generation_match=STALE)
    after = filled.get_blob("o")
    assert (after.generation, after.metageneration) == (before.generation, before.metageneration)
    assert filled.blob("other").exists()
    verb(filled, if_generation_match=before.generation)


@pytest.mark.rule("storage.precondition.metageneration", DOCS)
@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
def test_a_stale_metageneration_stops_every_verb(
    filled: storage.Bucket, verb: Callable[..., object]
) -> None:
    _patch(filled)
    with pytest.raises(exceptions.PreconditionFailed):
        verb(filled, if_metageneration_match=1)
    verb(filled, if_metageneration_match=2)


@pytest.mark.rule("storage.precondition.source", DOCS)
@pytest.mark.parametrize("verb", SOURCE_VERBS.values(), ids=SOURCE_VERBS)
def test_a_stale_source_stops_what_reads_it(
    filled: storage.Bucket, verb: Callable[..., object]
) -> None:
    with pytest.raises(exceptions.PreconditionFailed):
        verb(filled, if_source_generation_match=STALE)
    with pytest.raises(exceptions.PreconditionFailed):
        verb(filled, if_source_metageneration_match=7)
    assert filled.blob("o").exists()
    assert not filled.blob("copy").exists()
    verb(filled, if_source_generation_match=filled.get_blob("o").generation)


@pytest.mark.rule("storage.precondition.create-only", DOCS)
@pytest.mark.parametrize("verb", ["upload", "resumable upload", "copy to", "rewrite to", "compose"])
def test_generation_zero_means_create_only(filled: storage.Bucket, verb: str) -> None:
    with pytest.raises(exceptions.PreconditionFailed):
        VERBS[verb](filled, if_generation_match=0)
    filled.blob("o").delete()
    VERBS[verb](filled, if_generation_match=0)


@pytest.mark.rule("storage.precondition.upload", DOCS)
def test_an_upload_replaces_only_the_generation_it_names(filled: storage.Bucket) -> None:
    with pytest.raises(exceptions.PreconditionFailed):
        filled.blob("o").upload_from_string(b"new", if_generation_match=0)
    with pytest.raises(exceptions.PreconditionFailed):
        filled.blob("o").upload_from_string(b"new", if_generation_match=STALE)
    assert filled.blob("o").download_as_bytes() == b"old content"
    generation = filled.get_blob("o").generation
    filled.blob("o").upload_from_string(b"new", if_generation_match=generation)


@pytest.mark.rule("storage.precondition.not-match", DOCS)
def test_not_match_answers_304_to_a_reader_and_412_to_a_writer(filled: storage.Bucket) -> None:
    generation = filled.get_blob("o").generation
    with pytest.raises(exceptions.NotModified):
        filled.blob("o").reload(if_generation_not_match=generation)
    with pytest.raises(exceptions.PreconditionFailed):
        filled.blob("o").delete(if_generation_not_match=generation)
    filled.blob("o").reload(if_generation_not_match=STALE)


@pytest.mark.rule("storage.precondition.compose-source", DOCS)
def test_compose_checks_the_generation_of_its_parts(filled: storage.Bucket) -> None:
    with pytest.raises(exceptions.PreconditionFailed):
        filled.blob("x").compose([filled.blob("o")], if_source_generation_match=[STALE])
    generation = filled.get_blob("o").generation
    filled.blob("x").compose([filled.blob("o")], if_source_generation_match=[generation])


@pytest.mark.rule("storage.precondition.bucket", DOCS)
def test_a_bucket_has_preconditions_too(bucket: storage.Bucket) -> None:
    bucket.labels = {"team": "radiology"}
    bucket.patch(if_metageneration_match=1)
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.delete(if_metageneration_match=1)
    bucket.delete(if_metageneration_match=2)


@pytest.mark.rule("storage.precondition.version", DOCS)
def test_an_old_generation_has_a_metageneration_of_its_own(bucket: storage.Bucket) -> None:
    bucket.versioning_enabled = True
    bucket.patch()
    bucket.blob("o").upload_from_string(b"1")
    _patch(bucket)
    old = bucket.get_blob("o")
    bucket.blob("o").upload_from_string(b"2")
    noncurrent = bucket.blob("o", generation=old.generation)
    with pytest.raises(exceptions.PreconditionFailed):
        noncurrent.delete(if_metageneration_match=1)
    noncurrent.delete(if_metageneration_match=2)


@pytest.mark.rule("storage.precondition.race.replace", DOCS)
def test_of_many_concurrent_writers_none_is_lost(bucket: storage.Bucket) -> None:
    """Count up, as a compare-and-swap does: every acknowledged step must be there."""
    bucket.blob("counter").upload_from_string("0")

    def increment(_: int) -> None:
        while True:
            current = bucket.get_blob("counter")
            try:
                number = int(current.download_as_text())
                bucket.blob("counter").upload_from_string(
                    str(number + 1), if_generation_match=current.generation
                )
            except (exceptions.PreconditionFailed, exceptions.NotFound):
                continue
            return

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(increment, range(12)))
    assert bucket.blob("counter").download_as_text() == "12"


@pytest.mark.rule("storage.precondition.race", DOCS)
def test_of_many_concurrent_creators_exactly_one_wins(bucket: storage.Bucket) -> None:
    def claim(number: int) -> bool:
        try:
            bucket.blob("claim").upload_from_string(str(number), if_generation_match=0)
        except exceptions.PreconditionFailed:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = [number for number, win in enumerate(pool.map(claim, range(24))) if win]
    assert len(won) == 1
    assert bucket.blob("claim").download_as_text() == str(won[0])
