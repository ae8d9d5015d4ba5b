"""IAM policies of Pub/Sub's resources, through the clients' IAM methods."""

from __future__ import annotations

from typing import Any

import pytest
from google.api_core import exceptions
from google.iam.v1 import policy_pb2
from tests.contract.pubsub.clients import Clients

ACCESS = "https://cloud.google.com/pubsub/docs/access-control"
POLICY = "https://cloud.google.com/iam/docs/reference/rest/v1/Policy"
TESTED = "https://cloud.google.com/iam/docs/testing-permissions"
MEMBER = "serviceAccount:reader@contract.iam.gserviceaccount.com"


def bound(role: str, etag: bytes = b"") -> policy_pb2.Policy:
    policy = policy_pb2.Policy(etag=etag)
    policy.bindings.add(role=role, members=[MEMBER])
    return policy


@pytest.mark.rule("pubsub.iam.policy", ACCESS)
@pytest.mark.parametrize("kind", ["topic", "subscription", "snapshot"])
def test_a_policy_is_kept_for_each_kind_of_resource(pubsub: Clients, kind: str) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)
    client: Any = pubsub.publisher if kind == "topic" else pubsub.subscriber
    resource = {
        "topic": topic,
        "subscription": subscription,
        "snapshot": pubsub.snapshot(subscription),
    }[kind]
    empty = client.get_iam_policy(request={"resource": resource})
    assert not empty.bindings
    policy = bound("roles/pubsub.viewer")
    stored = client.set_iam_policy(request={"resource": resource, "policy": policy})
    assert stored.bindings == policy.bindings
    assert stored.etag != empty.etag
    assert client.get_iam_policy(request={"resource": resource}) == stored


@pytest.mark.rule("pubsub.iam.etag", POLICY)
def test_a_stale_etag_is_refused(pubsub: Clients) -> None:
    topic = pubsub.topic()
    read = pubsub.publisher.get_iam_policy(request={"resource": topic})
    request = {"resource": topic, "policy": bound("roles/pubsub.publisher", read.etag)}
    pubsub.publisher.set_iam_policy(request=request)
    with pytest.raises(exceptions.Aborted):
        pubsub.publisher.set_iam_policy(request=request)


@pytest.mark.rule("pubsub.iam.test_permissions", TESTED)
def test_permissions_are_tested_on_what_exists_and_by_name(pubsub: Clients) -> None:
    topic = pubsub.topic()
    wanted = ["pubsub.topics.publish", "pubsub.topics.get"]
    answer = pubsub.publisher.test_iam_permissions(
        request={"resource": topic, "permissions": wanted}
    )
    assert list(answer.permissions) == wanted
    with pytest.raises(exceptions.InvalidArgument, match="wildcard"):
        pubsub.publisher.test_iam_permissions(
            request={"resource": topic, "permissions": ["pubsub.*"]}
        )


@pytest.mark.rule("pubsub.iam.resources", ACCESS)
def test_a_policy_needs_its_resource_and_goes_with_it(pubsub: Clients) -> None:
    with pytest.raises(exceptions.NotFound):
        pubsub.publisher.get_iam_policy(request={"resource": pubsub.name("topics")})
    with pytest.raises(exceptions.InvalidArgument, match="resource name"):
        pubsub.publisher.get_iam_policy(request={"resource": "projects/contract"})
    topic = pubsub.topic()
    request = {"resource": topic, "policy": bound("roles/pubsub.publisher")}
    pubsub.publisher.set_iam_policy(request=request)
    pubsub.publisher.delete_topic(topic=topic)
    pubsub.publisher.create_topic(name=topic)
    assert not pubsub.publisher.get_iam_policy(request={"resource": topic}).bindings
