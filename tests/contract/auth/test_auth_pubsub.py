"""Policies of topics and subscriptions, over gRPC."""

from __future__ import annotations

import pytest
from google.api_core.exceptions import PermissionDenied
from tests.contract.auth.clients import (
    PROJECT,
    Account,
    GuardedCloud,
    unique,
)

PUBSUB = "https://cloud.google.com/pubsub/docs/access-control"


@pytest.mark.rule("pubsub.iam.topic-policy", PUBSUB)
def test_a_binding_on_a_topic_opens_that_topic(guarded: GuardedCloud, owner: Account) -> None:
    account = guarded.account()
    topic = f"projects/{PROJECT}/topics/{unique('topic')}"
    publisher = owner.publisher()
    publisher.create_topic(name=topic)
    mine = account.publisher()
    with pytest.raises(PermissionDenied, match="User not authorized") as caught:
        mine.publish(topic=topic, messages=[{"data": b"x"}])
    assert caught.value.reason == "IAM_PERMISSION_DENIED"
    assert caught.value.metadata["permission"] == "pubsub.topics.publish"
    policy = publisher.get_iam_policy(request={"resource": topic})
    policy.bindings.add(role="roles/pubsub.publisher", members=[account.member])
    publisher.set_iam_policy(request={"resource": topic, "policy": policy})
    assert mine.publish(topic=topic, messages=[{"data": b"x"}]).message_ids


@pytest.mark.rule("pubsub.iam.publisher", f"{PUBSUB}#pubsub.publisher")
def test_a_publisher_publishes_and_cannot_administer(guarded: GuardedCloud, owner: Account) -> None:
    topic = f"projects/{PROJECT}/topics/{unique('topic')}"
    owner.publisher().create_topic(name=topic)
    publisher = guarded.account("roles/pubsub.publisher").publisher()
    publisher.publish(topic=topic, messages=[{"data": b"x"}])
    for call in (
        lambda: publisher.create_topic(name=f"{topic}-2"),
        lambda: publisher.delete_topic(topic=topic),
        lambda: publisher.get_topic(topic=topic),
    ):
        with pytest.raises(PermissionDenied):
            call()


@pytest.mark.rule("pubsub.iam.subscriber", f"{PUBSUB}#pubsub.subscriber")
def test_a_subscriber_pulls_and_attaches_but_creates_no_subscription(
    guarded: GuardedCloud, owner: Account
) -> None:
    topic = f"projects/{PROJECT}/topics/{unique('topic')}"
    name = f"projects/{PROJECT}/subscriptions/{unique('sub')}"
    owner.publisher().create_topic(name=topic)
    owner.subscriber().create_subscription(name=name, topic=topic)
    owner.publisher().publish(topic=topic, messages=[{"data": b"x"}])
    subscriber = guarded.account("roles/pubsub.subscriber").subscriber()
    (received,) = subscriber.pull(subscription=name, max_messages=1).received_messages
    subscriber.acknowledge(subscription=name, ack_ids=[received.ack_id])
    with pytest.raises(PermissionDenied) as caught:
        subscriber.create_subscription(name=f"{name}-2", topic=topic)
    assert caught.value.metadata["permission"] == "pubsub.subscriptions.create"
    with pytest.raises(PermissionDenied):
        subscriber.delete_subscription(subscription=name)


@pytest.mark.rule("pubsub.iam.streaming", f"{PUBSUB}#required_permissions")
def test_a_stream_is_checked_at_its_first_request(guarded: GuardedCloud, owner: Account) -> None:
    topic = f"projects/{PROJECT}/topics/{unique('topic')}"
    name = f"projects/{PROJECT}/subscriptions/{unique('sub')}"
    owner.publisher().create_topic(name=topic)
    owner.subscriber().create_subscription(name=name, topic=topic)
    owner.publisher().publish(topic=topic, messages=[{"data": b"x"}])
    request = {"subscription": name, "stream_ack_deadline_seconds": 10}
    allowed = guarded.account("roles/pubsub.subscriber").subscriber()
    stream = allowed.streaming_pull(requests=iter([request]))
    delivered = (message for response in stream for message in response.received_messages)
    assert next(delivered).message.data == b"x"
    refused = guarded.account("roles/pubsub.publisher").subscriber()
    with pytest.raises(PermissionDenied):
        next(iter(refused.streaming_pull(requests=iter([request]))))


@pytest.mark.rule(
    "pubsub.iam.test-permissions",
    "https://cloud.google.com/pubsub/docs/access-control#testing_permissions",
)
def test_pubsub_tells_which_permissions_the_caller_has(
    guarded: GuardedCloud, owner: Account
) -> None:
    topic = f"projects/{PROJECT}/topics/{unique('topic')}"
    owner.publisher().create_topic(name=topic)
    publisher = guarded.account("roles/pubsub.publisher").publisher()
    asked = ["pubsub.topics.publish", "pubsub.topics.delete"]
    answer = publisher.test_iam_permissions(request={"resource": topic, "permissions": asked})
    assert list(answer.permissions) == ["pubsub.topics.publish"]
