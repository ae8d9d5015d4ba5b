"""Topics of a secret: who is told what, and when a rotation is due."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import pubsub_v1, secretmanager
from tests.contract.conftest import RunningCloud
from tests.contract.secrets_client import (
    DOCS,
    PARENT,
    REFERENCE,
    Client,
    add,
    client_of,
    new_secret,
    update,
)


@pytest.fixture(scope="module")
def client(cloud: RunningCloud) -> Iterator[Client]:
    with client_of(cloud) as opened:
        yield opened


@pytest.fixture(scope="module")
def topic(cloud: RunningCloud, publisher: pubsub_v1.PublisherClient) -> str:
    """A topic's name."""
    return publisher.create_topic(name=f"{PARENT}/topics/secrets-{uuid.uuid4().hex[:8]}").name


@pytest.fixture(scope="module")
def publisher(cloud: RunningCloud, module_environment: pytest.MonkeyPatch) -> Any:
    module_environment.setenv("PUBSUB_EMULATOR_HOST", cloud.pubsub)
    return pubsub_v1.PublisherClient()


@pytest.fixture(scope="module")
def module_environment() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.mark.rule("secretmanager.notifications", f"{DOCS}/event-notifications")
def test_every_change_is_told_to_the_topics_of_a_secret(
    client: Client, publisher: pubsub_v1.PublisherClient, topic: str
) -> None:
    subscriber = pubsub_v1.SubscriberClient()
    subscription = f"{PARENT}/subscriptions/secrets-{uuid.uuid4().hex[:8]}"
    subscriber.create_subscription(name=subscription, topic=topic)
    name = new_secret(client, topics=[{"name": topic}])
    version = add(client, name, b"x")
    client.disable_secret_version(name=version)
    client.enable_secret_version(name=version)
    client.destroy_secret_version(name=version)
    update(client, name, "labels", labels={"a": "b"})
    client.delete_secret(name=name)
    messages: list[Any] = []
    while len(messages) < 8:
        pulled = subscriber.pull(subscription=subscription, max_messages=10, timeout=10)
        messages += [received.message for received in pulled.received_messages]
        subscriber.acknowledge(
            subscription=subscription, ack_ids=[r.ack_id for r in pulled.received_messages]
        )
    assert sorted(message.attributes["eventType"] for message in messages) == [
        "SECRET_CREATE",
        "SECRET_DELETE",
        "SECRET_UPDATE",
        "SECRET_VERSION_ADD",
        "SECRET_VERSION_DESTROY",
        "SECRET_VERSION_DISABLE",
        "SECRET_VERSION_ENABLE",
        "TOPIC_CONFIGURED",
    ]
    by_event = {message.attributes["eventType"]: message for message in messages}
    added = by_event["SECRET_VERSION_ADD"]
    assert (added.attributes["secretId"], added.attributes["versionId"]) == (name, version)
    assert secretmanager.SecretVersion.from_json(added.data).name == version
    assert by_event["SECRET_DELETE"].attributes["deleteType"] == "REQUESTED"
    assert dict(by_event["TOPIC_CONFIGURED"].attributes) == {"eventType": "TOPIC_CONFIGURED"}


@pytest.mark.rule("secretmanager.topics", REFERENCE)
def test_a_secret_has_at_most_ten_topics_that_exist(client: Client, topic: str) -> None:
    with pytest.raises(exceptions.NotFound, match="absent"):
        new_secret(client, topics=[{"name": f"{PARENT}/topics/absent"}])
    for wrong in ([{"name": "absent"}], [{"name": topic}] * 11):
        with pytest.raises(exceptions.BadRequest, match="opic"):
            new_secret(client, topics=wrong)


@pytest.mark.rule("secretmanager.rotation", f"{DOCS}/secret-rotation")
def test_a_rotation_needs_a_topic_and_a_time(client: Client, topic: str) -> None:
    soon = {"next_rotation_time": datetime.now(UTC) + timedelta(hours=1)}
    topics = [{"name": topic}]
    kept = new_secret(client, topics=topics, rotation=soon)
    assert client.get_secret(name=kept).rotation.next_rotation_time == soon["next_rotation_time"]
    with pytest.raises(exceptions.BadRequest, match="topics"):
        new_secret(client, rotation=soon)
    for wrong in (
        {"rotation_period": timedelta(hours=2)},
        {**soon, "rotation_period": timedelta(minutes=59)},
        {"next_rotation_time": datetime.now(UTC) + timedelta(seconds=200)},
    ):
        with pytest.raises(exceptions.BadRequest, match="rotation"):
            new_secret(client, topics=topics, rotation=wrong)
