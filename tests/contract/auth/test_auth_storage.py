"""Policies of buckets: principals, first policies, conditions, batches and copies."""

from __future__ import annotations

import pytest
import requests
from google.api_core.exceptions import Forbidden
from tests.contract.auth.clients import (
    TIMEOUT_SECONDS,
    Account,
    GuardedCloud,
    unique,
)
from tests.contract.auth.conftest import Place

STORAGE = "https://cloud.google.com/storage/docs/access-control/iam"


@pytest.mark.rule("storage.iam.bucket-policy", STORAGE)
def test_a_binding_on_a_bucket_opens_that_bucket(
    guarded: GuardedCloud, owner: Account, place: Place
) -> None:
    account = guarded.account()
    bucket = account.storage().bucket(place.bucket)
    with pytest.raises(Forbidden, match=r"storage\.objects\.get access to the Google Cloud") as no:
        bucket.blob("there.txt").download_as_bytes()
    assert account.email in str(no.value)
    mine = owner.storage().bucket(place.bucket)
    policy = mine.get_iam_policy(requested_policy_version=3)
    policy.bindings.append({"role": "roles/storage.objectViewer", "members": {account.member}})
    mine.set_iam_policy(policy)
    assert bucket.blob("there.txt").download_as_bytes() == b"there"


@pytest.mark.rule("storage.iam.convenience-values", f"{STORAGE}#convenience-values")
def test_a_new_bucket_trusts_the_basic_roles_of_its_project(
    guarded: GuardedCloud, owner: Account
) -> None:
    bucket = owner.storage().create_bucket(unique("bucket"))
    bucket.blob("a").upload_from_string(b"a")
    viewer = guarded.account("roles/viewer").storage().bucket(bucket.name)
    assert viewer.blob("a").download_as_bytes() == b"a"
    with pytest.raises(Forbidden):
        viewer.blob("b").upload_from_string(b"b")
    roles = {binding["role"] for binding in bucket.get_iam_policy().bindings}
    assert "roles/storage.legacyBucketOwner" in roles


@pytest.mark.rule("storage.iam.all-users", f"{STORAGE}#principals")
def test_all_users_are_let_in_without_a_token(guarded: GuardedCloud, owner: Account) -> None:
    bucket = owner.storage().create_bucket(unique("public"))
    bucket.blob("a").upload_from_string(b"a")
    url = f"{guarded.cloud.storage}/storage/v1/b/{bucket.name}/o/a?alt=media"
    stranger = guarded.account()

    def statuses() -> tuple[int, int]:
        anonymous = requests.get(url, timeout=TIMEOUT_SECONDS)
        return anonymous.status_code, stranger.session().get(url).status_code

    for member, expected in (
        (None, (401, 403)),
        ("allAuthenticatedUsers", (401, 200)),
        ("allUsers", (200, 200)),
    ):
        policy = bucket.get_iam_policy(requested_policy_version=3)
        if member:
            policy.bindings.append({"role": "roles/storage.objectViewer", "members": {member}})
            bucket.set_iam_policy(policy)
        assert statuses() == expected


@pytest.mark.rule("storage.iam.conditional-binding", f"{STORAGE}#conditions")
def test_a_conditional_binding_is_kept_and_grants_nothing(
    guarded: GuardedCloud, owner: Account
) -> None:
    account = guarded.account()
    bucket = owner.storage().create_bucket(unique("bucket"))
    bucket.blob("a").upload_from_string(b"a")
    policy = bucket.get_iam_policy(requested_policy_version=3)
    policy.version = 3
    condition = {"title": "always", "expression": "true"}
    policy.bindings.append(
        {
            "role": "roles/storage.objectViewer",
            "members": {account.member},
            "condition": condition,
        }
    )
    bucket.set_iam_policy(policy)
    kept = bucket.get_iam_policy(requested_policy_version=3).bindings
    assert condition in [binding.get("condition") for binding in kept]
    with pytest.raises(Forbidden):
        account.storage().bucket(bucket.name).blob("a").download_as_bytes()


@pytest.mark.rule(
    "storage.iam.test-permissions",
    "https://cloud.google.com/storage/docs/json_api/v1/buckets/testIamPermissions",
)
def test_storage_tells_which_permissions_the_caller_has(
    guarded: GuardedCloud, place: Place
) -> None:
    bucket = guarded.account("roles/storage.objectCreator").storage().bucket(place.bucket)
    asked = ["storage.objects.create", "storage.objects.get", "storage.buckets.delete"]
    assert bucket.test_iam_permissions(asked) == ["storage.objects.create"]


@pytest.mark.rule("storage.iam.batch", "https://cloud.google.com/storage/docs/batch")
def test_every_call_of_a_batch_is_checked(guarded: GuardedCloud, place: Place) -> None:
    client = guarded.account("roles/storage.objectViewer").storage()
    bucket = client.bucket(place.bucket)
    with client.batch(raise_exception=False) as batch:
        bucket.blob("there.txt").reload()
        bucket.blob("there.txt").delete()
    assert [answer.status_code for answer in batch._responses] == [200, 403]


@pytest.mark.rule(
    "storage.iam.copy", "https://cloud.google.com/storage/docs/access-control/iam-json"
)
def test_a_copy_needs_both_ends(guarded: GuardedCloud, owner: Account, place: Place) -> None:
    account = guarded.account()
    target = owner.storage().create_bucket(unique("target"))
    policy = target.get_iam_policy(requested_policy_version=3)
    policy.bindings.append({"role": "roles/storage.objectCreator", "members": {account.member}})
    target.set_iam_policy(policy)
    client = account.storage()
    copy = client.bucket(target.name).blob("copy")
    with pytest.raises(Forbidden, match=r"storage\.objects\.get"):
        copy.rewrite(client.bucket(place.bucket).blob("there.txt"))


@pytest.mark.rule(
    "storage.iam.session.replace", "https://cloud.google.com/storage/docs/access-control/iam-json"
)
def test_a_session_replaces_only_what_its_beginner_may_replace(
    guarded: GuardedCloud, owner: Account
) -> None:
    mine = owner.storage().create_bucket(unique("session"))
    for role, status in (("objectCreator", 412), ("objectAdmin", 200)):
        account = guarded.account(f"roles/storage.{role}")
        blob = account.storage().bucket(mine.name).blob(f"{role}.txt")
        session = blob.create_resumable_upload_session(size=3)
        mine.blob(blob.name).upload_from_string(b"owner's")
        answer = requests.put(session, data=b"new", timeout=TIMEOUT_SECONDS)
        assert answer.status_code == status
        expected = b"new" if status == 200 else b"owner's"
        assert mine.blob(blob.name).download_as_bytes() == expected
