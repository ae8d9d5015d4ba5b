"""IAM policies of buckets: versions, etags, members, permissions."""

from __future__ import annotations

from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import storage

DOCS = "https://cloud.google.com/storage/docs/access-control/iam"
POLICY = "https://cloud.google.com/iam/docs/policies"
BINDING = {"role": "roles/storage.objectViewer", "members": {"user:reader@example.org"}}
CONDITION = {
    "title": "incoming only",
    "expression": 'resource.name.startsWith("projects/_/buckets/b/objects/incoming/")',
}


def _set(bucket: storage.Bucket, version: int, *bindings: dict[str, Any]) -> None:
    policy = bucket.get_iam_policy(requested_policy_version=3)
    policy.version = version
    policy.bindings = list(bindings)
    bucket.set_iam_policy(policy)


@pytest.mark.rule(
    "storage.iam.etag", "https://cloud.google.com/storage/docs/json_api/v1/buckets/setIamPolicy"
)
def test_a_stale_policy_does_not_replace_a_newer_one(bucket: storage.Bucket) -> None:
    stale = bucket.get_iam_policy(requested_policy_version=3)
    _set(bucket, 1, BINDING)
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.set_iam_policy(stale)
    (kept,) = bucket.get_iam_policy(requested_policy_version=3).bindings
    assert kept["role"] == BINDING["role"]


@pytest.mark.rule("storage.iam.conditions", f"{POLICY}#versions")
def test_a_policy_with_conditions_has_version_three(bucket: storage.Bucket) -> None:
    conditional = {**BINDING, "condition": CONDITION}
    with pytest.raises(exceptions.BadRequest, match="version 3"):
        _set(bucket, 1, conditional)
    _set(bucket, 3, conditional)
    found = bucket.get_iam_policy(requested_policy_version=3)
    assert (found.version, found.bindings[0]["condition"]) == (3, CONDITION)
    with pytest.raises(exceptions.BadRequest, match="optionsRequestedPolicyVersion"):
        bucket.get_iam_policy(requested_policy_version=1)


@pytest.mark.rule("storage.iam.invalid", POLICY)
@pytest.mark.parametrize(
    "binding",
    [
        {"role": "viewer", "members": {"allUsers"}},
        {"role": "roles/storage.objectViewer", "members": {"reader@example.org"}},
        {"role": "roles/storage.objectViewer", "members": {"robot:r2d2"}},
    ],
)
def test_a_binding_that_cannot_be_is_refused(
    bucket: storage.Bucket, binding: dict[str, Any]
) -> None:
    with pytest.raises(exceptions.BadRequest):
        _set(bucket, 1, binding)
    assert bucket.get_iam_policy(requested_policy_version=3).bindings == []


@pytest.mark.rule("storage.iam.test", f"{DOCS}-json")
def test_an_anonymous_caller_of_an_open_cloud_may_do_everything(bucket: storage.Bucket) -> None:
    wanted = ["storage.objects.get", "storage.buckets.delete"]
    assert bucket.test_iam_permissions(wanted) == wanted
    with pytest.raises(exceptions.BadRequest):
        bucket.test_iam_permissions(["healthcare.datasets.get"])
    with pytest.raises(exceptions.NotFound):
        bucket.client.bucket("no-such-bucket-here").test_iam_permissions(wanted)
