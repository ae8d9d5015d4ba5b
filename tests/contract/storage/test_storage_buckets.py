"""Buckets and listings through the official client."""

from __future__ import annotations

import pytest
import requests
from google.api_core import exceptions
from google.cloud import storage
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.contract.storage.conftest import StorageServer

DOCS = "https://cloud.google.com/storage/docs"
LIST = f"{DOCS}/json_api/v1/objects/list"
NAMES = [
    "_COMPLETE",
    "in/",
    "in/a.dcm",
    "in/b.txt",
    "in/ct/1.dcm",
    "in/ct/2.dcm",
    "in/mr/1.dcm",
    "out/z.dcm",
    "ünï.dcm",
]


@pytest.fixture(scope="module")
def library(storage_client: storage.Client) -> storage.Bucket:
    """A bucket of a few folders, read only."""
    bucket = storage_client.create_bucket("library-of-listings")
    for name in NAMES:
        bucket.blob(name).upload_from_string(name)
    return bucket


def _listed(bucket: storage.Bucket, **options: object) -> tuple[list[str], list[str]]:
    found = bucket.list_blobs(**options)
    return [blob.name for blob in found], sorted(found.prefixes)


@pytest.mark.rule("storage.list.prefix", LIST)
def test_prefix_and_delimiter_show_one_folder(library: storage.Bucket) -> None:
    assert _listed(library) == (NAMES, [])
    assert _listed(library, prefix="in/ct/") == (["in/ct/1.dcm", "in/ct/2.dcm"], [])
    assert _listed(library, delimiter="/") == (["_COMPLETE", "ünï.dcm"], ["in/", "out/"])
    assert _listed(library, prefix="in/", delimiter="/") == (
        ["in/", "in/a.dcm", "in/b.txt"],
        ["in/ct/", "in/mr/"],
    )


@pytest.mark.rule("storage.list.trailing", LIST)
def test_a_folder_object_can_be_listed_beside_its_prefix(library: storage.Bucket) -> None:
    names, prefixes = _listed(library, delimiter="/", include_trailing_delimiter=True)
    assert (names, prefixes) == (["_COMPLETE", "in/", "ünï.dcm"], ["in/", "out/"])


@pytest.mark.rule("storage.list.offsets", LIST)
def test_offsets_include_the_start_and_exclude_the_end(library: storage.Bucket) -> None:
    assert _listed(library, start_offset="in/b.txt", end_offset="in/mr/1.dcm")[0] == NAMES[3:6]


@pytest.mark.rule("storage.list.glob", f"{LIST}#list-objects-and-prefixes-using-glob")
@pytest.mark.parametrize(
    ("glob", "expected"),
    [
        ("*.dcm", ["ünï.dcm"]),
        ("**/*.dcm", [name for name in NAMES if name.endswith(".dcm")]),
        ("in/*", ["in/", "in/a.dcm", "in/b.txt"]),
        ("in/**", NAMES[1:7]),
        ("in/[a-b].*", ["in/a.dcm", "in/b.txt"]),
        ("in/[!a].*", ["in/b.txt"]),
        ("in/{ct,mr}/1.dcm", ["in/ct/1.dcm", "in/mr/1.dcm"]),
        ("in/?.dcm", ["in/a.dcm"]),
    ],
)
def test_globs(library: storage.Bucket, glob: str, expected: list[str]) -> None:
    assert _listed(library, match_glob=glob)[0] == expected


@pytest.mark.rule("storage.list.pages", LIST)
@pytest.mark.parametrize("delimiter", [None, "/"])
@pytest.mark.parametrize("page_size", [1, 2, 3, 100])
def test_pages_hold_each_entry_once(
    library: storage.Bucket, delimiter: str | None, page_size: int
) -> None:
    names, prefixes, sizes = [], [], []
    listing = library.list_blobs(delimiter=delimiter, page_size=page_size)
    for page in listing.pages:
        found = [blob.name for blob in page]
        sizes.append(len(found) + len(page.prefixes))
        names += found
        prefixes += page.prefixes
    assert max(sizes) <= page_size
    expected = _listed(library, delimiter=delimiter)
    assert (names, sorted(prefixes)) == expected
    assert len(prefixes) == len(set(prefixes))


ODD_NAMES = [
    "/",
    "//",
    "a",
    "a/",
    "a//b",
    "a/b/c",
    "a/b/d",
    "a/\U0010ffff",
    "a/\U0010ffffx",
    "a0",
    "b/\ue000",
    "b/\U0001f480/c",
    "é/ö",
]


@pytest.fixture(scope="module")
def odd_library(storage_client: storage.Client) -> storage.Bucket:
    """A bucket of names at the edges of the order of UTF-8, read only."""
    bucket = storage_client.create_bucket("library-of-odd-names")
    for name in ODD_NAMES:
        bucket.blob(name).upload_from_string(b"")
    return bucket


def _expected(
    prefix: str, delimiter: str | None, start: str, end: str | None
) -> tuple[list[str], list[str]]:
    names = sorted(
        (
            name
            for name in ODD_NAMES
            if name.startswith(prefix)
            and start.encode() <= name.encode()
            and (end is None or name.encode() < end.encode())
        ),
        key=str.encode,
    )
    if delimiter is None:
        return names, []
    cut = {name: name.find(delimiter, len(prefix)) for name in names}
    prefixes = {name[: at + len(delimiter)] for name, at in cut.items() if at >= 0}
    return [name for name, at in cut.items() if at < 0], sorted(prefixes)


@pytest.mark.rule("storage.list.model", LIST)
@settings(max_examples=120, deadline=None, derandomize=True)
@given(
    prefix=st.sampled_from(["", "a", "a/", "a/b/", "b/", "é", "x"]),
    delimiter=st.sampled_from([None, "/", "//", "b"]),
    start=st.sampled_from(["", *ODD_NAMES]),
    end=st.sampled_from([None, *ODD_NAMES]),
    page_size=st.integers(1, 5),
)
def test_any_selection_lists_what_a_plain_filter_finds(
    odd_library: storage.Bucket,
    *,
    prefix: str,
    delimiter: str | None,
    start: str,
    end: str | None,
    page_size: int,
) -> None:
    found = _listed(
        odd_library,
        prefix=prefix,
        delimiter=delimiter,
        start_offset=start,
        end_offset=end,
        page_size=page_size,
    )
    assert found == _expected(prefix, delimiter, start, end)


@pytest.mark.rule("storage.list.refused", LIST)
def test_what_cannot_be_honoured_is_refused(library: storage.Bucket) -> None:
    with pytest.raises(exceptions.BadRequest, match="page token"):
        list(library.list_blobs(page_token="nonsense"))
    with pytest.raises(exceptions.BadRequest, match="braces"):
        list(library.list_blobs(match_glob="{a"))


@pytest.mark.rule("storage.buckets.soft-deleted", f"{DOCS}/json_api/v1/buckets/list")
def test_live_buckets_are_not_given_for_deleted_ones(
    storage_client: storage.Client, bucket: storage.Bucket
) -> None:
    with pytest.raises(exceptions.MethodNotImplemented, match="Soft-deleted buckets"):
        list(storage_client.list_buckets(soft_deleted=True))
    with pytest.raises(exceptions.MethodNotImplemented, match="Soft-deleted buckets"):
        storage_client.get_bucket(bucket.name, soft_deleted=True, generation=1)


@pytest.mark.rule("storage.buckets.labels", f"{DOCS}/tags-and-labels#bucket-labels")
@pytest.mark.parametrize(
    "labels", [{"Team": "ct"}, {"1team": "ct"}, {"team": "C T"}, {"team": "c" * 64}, {"a b": ""}]
)
def test_a_label_that_google_refuses_is_refused(
    bucket: storage.Bucket, labels: dict[str, str]
) -> None:
    bucket.labels = labels
    with pytest.raises(exceptions.BadRequest, match="label"):
        bucket.patch()
    bucket.reload()
    assert bucket.labels == {}


@pytest.mark.rule("storage.buckets.settings", f"{DOCS}/json_api/v1/buckets")
def test_bucket_settings_are_kept(storage_client: storage.Client, bucket: storage.Bucket) -> None:
    bucket.versioning_enabled = True
    bucket.labels = {"team": "radiology", "stage": "test"}
    bucket.add_lifecycle_delete_rule(age=7, matches_prefix=["staging/"])
    bucket.iam_configuration.uniform_bucket_level_access_enabled = True
    bucket.patch()
    bucket.labels = {"team": "radiology"}
    bucket.patch()
    found = storage_client.get_bucket(bucket.name)
    assert found.versioning_enabled
    assert found.labels == {"team": "radiology"}
    assert [rule["condition"]["age"] for rule in found.lifecycle_rules] == [7]
    assert found.iam_configuration.uniform_bucket_level_access_enabled
    assert (found.location, found.metageneration) == ("US", 3)


@pytest.mark.rule("storage.buckets.list", f"{DOCS}/json_api/v1/buckets/list")
def test_buckets_are_listed_by_project_and_prefix(
    server: StorageServer, storage_client: storage.Client
) -> None:
    for number in range(3):
        storage_client.create_bucket(f"listed-buckets-{number}", location="us-central1")
    storage_client.create_bucket("listed-buckets-elsewhere", project="another-project")
    found = [b.name for b in storage_client.list_buckets(prefix="listed-", page_size=2)]
    assert found == [f"listed-buckets-{number}" for number in range(3)]
    answer = requests.get(f"{server.url}/storage/v1/b", timeout=10)
    assert answer.status_code == 400


@pytest.mark.rule("storage.buckets.lifetime", f"{DOCS}/json_api/v1/buckets/delete")
def test_a_bucket_is_created_once_and_deleted_empty(
    storage_client: storage.Client, bucket: storage.Bucket
) -> None:
    with pytest.raises(exceptions.Conflict):
        storage_client.create_bucket(bucket.name)
    bucket.blob("o").upload_from_string(b"x")
    with pytest.raises(exceptions.Conflict, match="not empty"):
        bucket.delete()
    bucket.delete(force=True)
    assert storage_client.lookup_bucket(bucket.name) is None


@pytest.mark.rule("storage.service-account", f"{DOCS}/json_api/v1/projects/serviceAccount")
def test_a_project_has_a_service_account_to_grant_roles_to(storage_client: storage.Client) -> None:
    account = storage_client.get_service_account_email()
    assert account.endswith("@gs-project-accounts.iam.gserviceaccount.com")
    assert account == storage_client.get_service_account_email()


@pytest.mark.rule("storage.iam", f"{DOCS}/json_api/v1/buckets/setIamPolicy")
def test_policies_are_stored_and_guarded_by_their_etag(bucket: storage.Bucket) -> None:
    policy = bucket.get_iam_policy(requested_policy_version=3)
    stale = bucket.get_iam_policy(requested_policy_version=3)
    policy.bindings.append({"role": "roles/storage.objectViewer", "members": {"user:a@b.org"}})
    bucket.set_iam_policy(policy)
    stored = bucket.get_iam_policy(requested_policy_version=3)
    assert stored.bindings[0]["role"] == "roles/storage.objectViewer"
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.set_iam_policy(stale)
    wanted = ["storage.objects.get", "storage.objects.create"]
    assert bucket.test_iam_permissions(wanted) == wanted
