"""Topics: the rules a client meets when it creates, reads, changes and deletes them."""

from __future__ import annotations

import pytest
from google.api_core import exceptions
from google.protobuf.field_mask_pb2 import FieldMask
from tests.contract.pubsub.clients import Clients

REFERENCE = "https://cloud.google.com/pubsub/docs/reference/rpc/google.pubsub.v1#publisher"
LABELS = "https://cloud.google.com/pubsub/docs/create-topic-labels"
NAMES = "https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names"


@pytest.mark.rule("pubsub.topics.create", REFERENCE)
def test_a_topic_is_created_once(pubsub: Clients) -> None:
    topic = pubsub.topic(labels={"env": "test"})
    assert pubsub.publisher.get_topic(topic=topic).labels == {"env": "test"}
    with pytest.raises(exceptions.AlreadyExists):
        pubsub.publisher.create_topic(name=topic)


@pytest.mark.rule("pubsub.names", NAMES)
@pytest.mark.parametrize("leaf", ["ab", "1abc", "goog-mine", "a" * 256, "with space", "slash/ed"])
def test_an_invalid_name_is_refused(pubsub: Clients, leaf: str) -> None:
    with pytest.raises(exceptions.InvalidArgument, match="Invalid"):
        pubsub.publisher.create_topic(name=f"projects/contract/topics/{leaf}")


@pytest.mark.rule("pubsub.names.project", NAMES)
@pytest.mark.parametrize("project", ["", "with space", "line\r\nbreak", "-dash"])
def test_a_name_of_no_project_is_refused(pubsub: Clients, project: str) -> None:
    with pytest.raises(exceptions.InvalidArgument, match="Invalid"):
        pubsub.publisher.create_topic(name=f"projects/{project}/topics/topic")
    with pytest.raises(exceptions.InvalidArgument, match="project"):
        list(pubsub.publisher.list_topics(project=f"projects/{project}"))


@pytest.mark.rule("pubsub.topics.not_found", REFERENCE)
def test_an_absent_topic_is_not_found(pubsub: Clients) -> None:
    absent = pubsub.name("topics")
    with pytest.raises(exceptions.NotFound):
        pubsub.publisher.get_topic(topic=absent)
    with pytest.raises(exceptions.NotFound):
        pubsub.publisher.delete_topic(topic=absent)
    with pytest.raises(exceptions.NotFound):
        pubsub.publish(absent, b"lost")


@pytest.mark.rule("pubsub.topics.list", REFERENCE)
def test_topics_are_listed_in_pages(pubsub: Clients) -> None:
    project = "projects/paged"
    names = [f"{project}/topics/topic-{number}" for number in range(5)]
    for name in names:
        pubsub.publisher.create_topic(name=name)
    pages = list(pubsub.publisher.list_topics(request={"project": project, "page_size": 2}).pages)
    assert [[topic.name for topic in page.topics] for page in pages] == [
        names[:2],
        names[2:4],
        names[4:],
    ]


@pytest.mark.rule("pubsub.topics.update", REFERENCE)
def test_an_update_changes_what_its_mask_names(pubsub: Clients) -> None:
    topic = pubsub.topic(labels={"old": "1"})
    changes = {"name": topic, "labels": {"new": "2"}}
    updated = pubsub.publisher.update_topic(topic=changes, update_mask=FieldMask(paths=["labels"]))
    assert updated.labels == {"new": "2"}
    with pytest.raises(exceptions.InvalidArgument, match="update_mask"):
        pubsub.publisher.update_topic(topic=changes, update_mask=FieldMask())
    with pytest.raises(exceptions.InvalidArgument, match="name"):
        pubsub.publisher.update_topic(topic=changes, update_mask=FieldMask(paths=["name"]))


@pytest.mark.rule("pubsub.topics.delete", REFERENCE)
def test_a_deleted_topic_leaves_its_subscriptions_and_their_backlog(pubsub: Clients) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)
    pubsub.publish(topic, b"kept")
    assert list(pubsub.publisher.list_topic_subscriptions(topic=topic)) == [subscription]
    pubsub.publisher.delete_topic(topic=topic)
    orphan = pubsub.subscriber.get_subscription(subscription=subscription)
    assert orphan.topic == "_deleted-topic_"
    assert pubsub.pull(subscription)[0].message.data == b"kept"


@pytest.mark.rule("pubsub.labels", LABELS)
@pytest.mark.parametrize(
    "labels",
    [
        {"Capital": ""},
        {"1st": ""},
        {"": "no-key"},
        {"k" * 64: ""},
        {"key": "v" * 64},
        {"key": "dot.ted"},
        {f"key-{number}": "" for number in range(65)},
    ],
    ids=["capital", "digit", "empty", "long-key", "long-value", "character", "count"],
)
def test_labels_out_of_form_are_refused(pubsub: Clients, labels: dict[str, str]) -> None:
    topic = pubsub.topic(labels={"größe": "k_1-a", "k" * 63: "v" * 63})
    subscription = pubsub.subscription(topic)
    with pytest.raises(exceptions.InvalidArgument, match="label"):
        pubsub.topic(labels=labels)
    with pytest.raises(exceptions.InvalidArgument, match="label"):
        pubsub.subscription(topic, labels=labels)
    request = {"subscription": subscription, "labels": labels}
    with pytest.raises(exceptions.InvalidArgument, match="label"):
        pubsub.subscriber.create_snapshot(request=request)


@pytest.mark.rule("pubsub.publish.limits", "https://cloud.google.com/pubsub/quotas")
@pytest.mark.parametrize(
    "message",
    [
        {},
        {"attributes": {"googkey": "reserved"}},
        {"attributes": {"k" * 257: "long key"}},
        {"attributes": {"key": "v" * 1025}},
        {"attributes": {f"key-{number}": "" for number in range(101)}},
        {"data": b"x", "ordering_key": "k" * 1025},
        {"data": b"x" * 10_000_001},
    ],
    ids=["empty", "reserved", "key", "value", "attributes", "ordering-key", "size"],
)
def test_a_message_beyond_the_limits_is_refused(pubsub: Clients, message: dict) -> None:
    topic = pubsub.topic()
    with pytest.raises(exceptions.InvalidArgument):
        pubsub.publish_messages(topic, [message])
