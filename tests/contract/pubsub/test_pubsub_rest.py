"""Pub/Sub over HTTP, through Google's API client and beside the gRPC clients."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from googleapiclient import discovery
from googleapiclient.errors import HttpError
from tests.contract.pubsub.clients import Clients, data_of

REST = "https://cloud.google.com/pubsub/docs/reference/rest"
ERRORS = "https://cloud.google.com/pubsub/docs/reference/error-codes"


@pytest.fixture(scope="module")
def projects(cloud: Any) -> Iterator[Any]:
    """The resource `projects` of the API client."""
    with discovery.build(
        "pubsub",
        "v1",
        developerKey="none",
        static_discovery=True,
        client_options={"api_endpoint": cloud.storage},
    ) as api:
        yield api.projects()


@pytest.mark.rule("pubsub.rest.messages", f"{REST}/v1/projects.subscriptions/pull")
def test_a_message_is_published_pulled_and_acknowledged_over_http(
    projects: Any, pubsub: Clients
) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)
    data = base64.b64encode(b"\x00hello").decode()
    body = {"messages": [{"data": data, "attributes": {"a": "1"}, "orderingKey": "k"}]}
    [message_id] = projects.topics().publish(topic=topic, body=body).execute()["messageIds"]
    subscriptions = projects.subscriptions()
    pull = subscriptions.pull(subscription=subscription, body={"maxMessages": 10})
    [received] = pull.execute()["receivedMessages"]
    published = received["message"].pop("publishTime")
    assert published.endswith("Z")
    assert received["message"] == {
        "data": data,
        "attributes": {"a": "1"},
        "orderingKey": "k",
        "messageId": message_id,
    }
    ack_ids = {"ackIds": [received["ackId"]]}
    nack = {**ack_ids, "ackDeadlineSeconds": 0}
    subscriptions.modifyAckDeadline(subscription=subscription, body=nack).execute()
    assert subscriptions.acknowledge(subscription=subscription, body=ack_ids).execute() == {}
    [again] = pubsub.pull(subscription)
    assert again.message.data == b"\x00hello"
    pubsub.acknowledge(subscription, [again])
    assert pull.execute() == {}


@pytest.mark.rule("pubsub.rest.base64", f"{REST}/v1/PubsubMessage")
@pytest.mark.parametrize("data", ["%%", "aGVs!!bG8=", "aGVsbG8=\n", "a"])
def test_data_that_is_not_base64_is_refused_and_not_repaired(
    projects: Any, pubsub: Clients, data: str
) -> None:
    body = {"messages": [{"attributes": {"a": "1"}}, {"data": data}]}
    with pytest.raises(HttpError) as refused:
        projects.topics().publish(topic=pubsub.topic(), body=body).execute()
    assert refused.value.status_code == 400
    assert "Invalid" in refused.value.reason


@pytest.mark.rule("pubsub.rest.resources", f"{REST}/v1/projects.topics/patch")
def test_resources_are_made_changed_listed_and_deleted_over_http(
    projects: Any, pubsub: Clients
) -> None:
    project = "projects/over-http"
    topic, subscription = f"{project}/topics/topic", f"{project}/subscriptions/sub"
    snapshot = f"{project}/snapshots/snap"
    topics, subscriptions, snapshots = (
        projects.topics(),
        projects.subscriptions(),
        projects.snapshots(),
    )
    assert topics.create(name=topic, body={}).execute()["name"] == topic
    created = subscriptions.create(name=subscription, body={"topic": topic}).execute()
    assert created["messageRetentionDuration"] == "604800s"
    assert created["expirationPolicy"] == {"ttl": "2678400s"}
    changes = {"subscription": {"ackDeadlineSeconds": 60}, "updateMask": "ackDeadlineSeconds"}
    assert (
        subscriptions.patch(name=subscription, body=changes).execute()["ackDeadlineSeconds"] == 60
    )
    snapshots.create(name=snapshot, body={"subscription": subscription}).execute()
    seek = {"snapshot": snapshot}
    assert subscriptions.seek(subscription=subscription, body=seek).execute() == {}
    assert topics.list(project=project, pageSize=1).execute()["topics"][0]["name"] == topic
    assert topics.subscriptions().list(topic=topic).execute() == {"subscriptions": [subscription]}
    assert topics.snapshots().list(topic=topic).execute() == {"snapshots": [snapshot]}
    assert pubsub.subscriber.get_subscription(subscription=subscription).topic == topic
    snapshots.delete(snapshot=snapshot).execute()
    subscriptions.delete(subscription=subscription).execute()
    topics.delete(topic=topic).execute()
    assert topics.list(project=project).execute() == {}


@pytest.mark.rule("pubsub.rest.iam", f"{REST}/v1/projects.topics/setIamPolicy")
def test_policies_are_those_of_the_other_dialect(projects: Any, pubsub: Clients) -> None:
    topic = pubsub.topic()
    policy = {"bindings": [{"role": "roles/pubsub.viewer", "members": ["allUsers"]}]}
    body = {"policy": policy}
    stored = projects.topics().setIamPolicy(resource=topic, body=body).execute()
    assert stored["bindings"] == policy["bindings"]
    read = pubsub.publisher.get_iam_policy(request={"resource": topic})
    assert base64.b64encode(read.etag).decode() == stored["etag"]
    wanted = {"permissions": ["pubsub.topics.publish"]}
    assert projects.topics().testIamPermissions(resource=topic, body=wanted).execute() == wanted


@pytest.mark.rule("pubsub.rest.errors", ERRORS)
def test_errors_have_googles_status_over_http(projects: Any, pubsub: Clients) -> None:
    absent = pubsub.name("topics")
    with pytest.raises(HttpError) as caught:
        projects.topics().get(topic=absent).execute()
    assert _error(caught.value) == (404, "NOT_FOUND")
    topic = pubsub.topic()
    with pytest.raises(HttpError) as caught:
        projects.topics().create(name=topic, body={}).execute()
    assert _error(caught.value) == (409, "ALREADY_EXISTS")
    for messages in ([], [{"data": "not base64!"}], [{"nonsense": "field"}]):
        with pytest.raises(HttpError) as caught:
            projects.topics().publish(topic=topic, body={"messages": messages}).execute()
        assert _error(caught.value) == (400, "INVALID_ARGUMENT")
    detached = pubsub.subscription(topic)
    projects.subscriptions().detach(subscription=detached).execute()
    with pytest.raises(HttpError) as caught:
        projects.subscriptions().pull(subscription=detached, body={"maxMessages": 1}).execute()
    assert _error(caught.value) == (400, "FAILED_PRECONDITION")


@pytest.mark.rule("pubsub.rest.exactly_once", f"{REST}/v1/projects.subscriptions/acknowledge")
def test_invalid_ack_ids_are_named_in_the_details(projects: Any, pubsub: Clients) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic, enable_exactly_once_delivery=True)
    pubsub.publish(topic, b"one")
    stale = pubsub.pull(subscription)
    pubsub.nack(subscription, stale)
    body = {"ackIds": [stale[0].ack_id]}
    with pytest.raises(HttpError) as caught:
        projects.subscriptions().acknowledge(subscription=subscription, body=body).execute()
    [detail] = json.loads(caught.value.content)["error"]["details"]
    assert detail["reason"] == "EXACTLY_ONCE_ACKID_FAILURE"
    assert detail["metadata"] == {stale[0].ack_id: "PERMANENT_FAILURE_INVALID_ACK_ID"}
    assert data_of(pubsub.pull(subscription)) == [b"one"]


def _error(error: HttpError) -> tuple[int, str]:
    status = json.loads(error.content)["error"]
    return status["code"], status["status"]
