"""Partial responses: only what ``fields`` names is answered."""

from __future__ import annotations

import pytest
import requests
from google.cloud import storage
from tests.contract.conftest import RunningCloud

DOCS = "https://cloud.google.com/storage/docs/json_api#partial-response"


@pytest.fixture
def url(cloud: RunningCloud, bucket: storage.Bucket) -> str:
    """The listing of a bucket of two objects with metadata."""
    for name in ("a", "b"):
        blob = bucket.blob(name)
        blob.metadata = {"sender": "ward", "reader": "radiology"}
        blob.upload_from_string(b"x")
    return f"{cloud.storage}/storage/v1/b/{bucket.name}/o"


def _get(url: str, fields: str) -> requests.Response:
    return requests.get(url, params={"fields": fields}, timeout=10)


@pytest.mark.rule("storage.fields.select", DOCS)
@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("kind", {"kind": "storage#objects"}),
        ("items/name", {"items": [{"name": "a"}, {"name": "b"}]}),
        ("items(name,size)", {"items": [{"name": n, "size": "1"} for n in "ab"]}),
        ("items(metadata/sender)", {"items": [{"metadata": {"sender": "ward"}}] * 2}),
        ("*/name", {"items": [{"name": "a"}, {"name": "b"}]}),
        ("nextPageToken", {}),
    ],
)
def test_an_answer_holds_what_was_selected(
    url: str, fields: str, expected: dict[str, object]
) -> None:
    assert _get(url, fields).json() == expected


@pytest.mark.rule("storage.fields.invalid", DOCS)
@pytest.mark.parametrize(
    "fields", ["colour", "items(name", "items)", "items//name", "items/colour", ",", "(" * 3000]
)
def test_a_selection_of_what_does_not_exist_is_refused(url: str, fields: str) -> None:
    answer = _get(url, fields)
    assert answer.status_code == 400
    assert "Invalid field selection" in answer.json()["error"]["message"]


@pytest.mark.rule("storage.fields.client", DOCS)
def test_the_client_lists_only_the_fields_it_wants(url: str, bucket: storage.Bucket) -> None:
    found = list(bucket.list_blobs(fields="items(name),nextPageToken", page_size=1))
    assert [(blob.name, blob.size) for blob in found] == [("a", None), ("b", None)]


@pytest.mark.rule("storage.fields.writes", DOCS)
def test_a_write_takes_effect_whatever_is_selected(
    cloud: RunningCloud, bucket: storage.Bucket
) -> None:
    answer = requests.post(
        f"{cloud.storage}/upload/storage/v1/b/{bucket.name}/o",
        params={"uploadType": "media", "name": "o", "fields": "generation"},
        data=b"x",
        timeout=10,
    )
    assert answer.json() == {"generation": str(bucket.get_blob("o").generation)}
