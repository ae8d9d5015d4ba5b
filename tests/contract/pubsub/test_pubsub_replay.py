"""Seek and snapshots: acknowledging and replaying in bulk."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.api_core import exceptions
from google.protobuf.field_mask_pb2 import FieldMask
from tests.contract.pubsub.clients import Clients, data_of, eventually

REPLAY = "https://cloud.google.com/pubsub/docs/replay-overview"
SEEK = "https://cloud.google.com/pubsub/docs/reference/rpc/google.pubsub.v1#seekrequest"
SNAPSHOT = "https://cloud.google.com/pubsub/docs/reference/rpc/google.pubsub.v1#snapshot"
SNAPSHOTS = "https://cloud.google.com/pubsub/docs/replay-message"
FILTERS = "https://cloud.google.com/pubsub/docs/subscription-message-filter"
NAMES = "https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names"
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def pull_and_acknowledge(pubsub: Clients, subscription: str, count: int) -> list[Any]:
    received = pubsub.drain(subscription, count)
    pubsub.acknowledge(subscription, received)
    return received


@pytest.mark.rule("pubsub.seek.purge", f"{REPLAY}#seek_to_a_time")
def test_seeking_to_the_future_purges(pubsub: Clients) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)
    pubsub.publish(topic, b"1", b"2")
    leased = pubsub.pull(subscription, 1)
    pubsub.seek(subscription, time=datetime.now(UTC) + timedelta(hours=1))
    pubsub.nack(subscription, leased)
    assert pubsub.is_empty(subscription)
    pubsub.publish(topic, b"3")
    assert data_of(pubsub.pull(subscription)) == [b"3"]


@pytest.mark.rule("pubsub.seek.retained_acked", f"{REPLAY}#seek_to_a_time")
def test_retained_messages_come_back_from_the_time_sought(pubsub: Clients) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic, retain_acked_messages=True)
    pubsub.publish(topic, b"early")
    pubsub.publish(topic, b"late")
    _, late = pull_and_acknowledge(pubsub, subscription, 2)
    assert pubsub.is_empty(subscription)
    pubsub.seek(subscription, time=late.message.publish_time)
    assert data_of(pull_and_acknowledge(pubsub, subscription, 1)) == [b"late"]
    pubsub.seek(subscription, time=LONG_AGO)
    assert sorted(data_of(pubsub.drain(subscription, 2))) == [b"early", b"late"]


@pytest.mark.rule("pubsub.seek.not_retained", SEEK)
def test_acknowledged_messages_that_nobody_retains_do_not_come_back(pubsub: Clients) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)
    pubsub.publish(topic, b"gone")
    pull_and_acknowledge(pubsub, subscription, 1)
    pubsub.seek(subscription, time=LONG_AGO)
    assert pubsub.is_empty(subscription)


@pytest.mark.rule("pubsub.seek.retention_off", SEEK)
def test_turning_retention_off_lets_go_of_acknowledged_messages(pubsub: Clients) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic, retain_acked_messages=True)
    pubsub.publish(topic, b"gone")
    pull_and_acknowledge(pubsub, subscription, 1)
    pubsub.subscriber.update_subscription(
        subscription={"name": subscription, "retain_acked_messages": False},
        update_mask=FieldMask(paths=["retain_acked_messages"]),
    )
    pubsub.seek(subscription, time=LONG_AGO)
    assert pubsub.is_empty(subscription)


@pytest.mark.rule("pubsub.topics.retention", f"{REPLAY}#configure_message_retention")
def test_a_topic_that_retains_replays_even_what_came_before_the_subscription(
    pubsub: Clients,
) -> None:
    topic = pubsub.topic(message_retention_duration=timedelta(hours=1))
    pubsub.publish(topic, b"before", kind="a")
    pubsub.publish(topic, b"other", kind="b")
    subscription = pubsub.subscription(topic, filter='attributes.kind = "a"')
    shown = pubsub.subscriber.get_subscription(subscription=subscription)
    assert shown.topic_message_retention_duration == timedelta(hours=1)
    pubsub.publish(topic, b"after", kind="a")
    assert data_of(pull_and_acknowledge(pubsub, subscription, 1)) == [b"after"]
    pubsub.seek(subscription, time=LONG_AGO)
    assert sorted(data_of(pubsub.drain(subscription, 2))) == [b"after", b"before"]
    pubsub.publisher.update_topic(
        topic={"name": topic}, update_mask=FieldMask(paths=["message_retention_duration"])
    )
    newcomer = pubsub.subscription(topic)
    pubsub.seek(newcomer, time=LONG_AGO)
    assert pubsub.is_empty(newcomer)


@pytest.mark.rule("pubsub.topics.retention_limits", REPLAY)
@pytest.mark.parametrize("duration", [timedelta(minutes=9), timedelta(days=32)], ids=str)
def test_a_topics_retention_is_10_minutes_to_31_days(pubsub: Clients, duration: timedelta) -> None:
    with pytest.raises(exceptions.InvalidArgument, match="retention"):
        pubsub.topic(message_retention_duration=duration)


@pytest.mark.rule("pubsub.seek.snapshot", f"{REPLAY}#seek_to_a_snapshot")
def test_a_snapshot_brings_back_its_backlog_and_all_later_messages(pubsub: Clients) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)
    pubsub.publish(topic, b"acked")
    pull_and_acknowledge(pubsub, subscription, 1)
    pubsub.publish(topic, b"owed")
    snapshot = pubsub.snapshot(subscription)
    pubsub.publish(topic, b"later")
    pull_and_acknowledge(pubsub, subscription, 2)
    assert pubsub.is_empty(subscription)
    pubsub.seek(subscription, snapshot=snapshot)
    assert sorted(data_of(pubsub.drain(subscription, 2))) == [b"later", b"owed"]
    assert pubsub.is_empty(subscription)


@pytest.mark.rule("pubsub.seek.snapshot_of_another", f"{REPLAY}#seek_to_a_snapshot")
def test_one_subscription_takes_over_the_state_of_another(pubsub: Clients) -> None:
    topic = pubsub.topic()
    source, target = pubsub.subscription(topic), pubsub.subscription(topic)
    pubsub.publish(topic, b"1", b"2", b"3")
    first = pubsub.drain(source, 3)
    pubsub.acknowledge(source, first[:2])
    leased = pubsub.drain(target, 3)
    pubsub.seek(target, snapshot=pubsub.snapshot(source))
    pubsub.nack(target, leased)
    assert data_of(pubsub.drain(target, 1)) == data_of(first[2:])
    assert pubsub.is_empty(target)


@pytest.mark.rule("pubsub.seek.snapshot_filter", FILTERS)
def test_the_filter_of_the_seeking_subscription_decides(pubsub: Clients) -> None:
    topic = pubsub.topic()
    source = pubsub.subscription(topic)
    filtered = pubsub.subscription(topic, filter='attributes.kind = "a"')
    snapshot = pubsub.snapshot(filtered)
    pubsub.publish(topic, b"a", kind="a")
    pubsub.publish(topic, b"b", kind="b")
    pull_and_acknowledge(pubsub, source, 2)
    pull_and_acknowledge(pubsub, filtered, 1)
    pubsub.seek(source, snapshot=snapshot)
    pubsub.seek(filtered, snapshot=snapshot)
    assert sorted(data_of(pubsub.drain(source, 2))) == [b"a", b"b"]
    assert data_of(pubsub.drain(filtered, 1)) == [b"a"]
    assert pubsub.is_empty(filtered)


@pytest.mark.rule("pubsub.seek.ordering", SEEK)
def test_replayed_messages_of_a_key_come_in_their_order(pubsub: Clients) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(
        topic, enable_message_ordering=True, retain_acked_messages=True
    )
    pubsub.publish(topic, b"1", b"2", key="k")
    pull_and_acknowledge(pubsub, subscription, 2)
    pubsub.publish(topic, b"3", key="k")
    pubsub.seek(subscription, time=LONG_AGO)
    assert data_of(pubsub.drain(subscription, 3)) == [b"1", b"2", b"3"]


@pytest.mark.rule("pubsub.seek.arguments", SEEK)
def test_a_seek_needs_one_target_of_its_own_topic(pubsub: Clients) -> None:
    subscription = pubsub.subscription(pubsub.topic())
    with pytest.raises(exceptions.InvalidArgument, match="time or a snapshot"):
        pubsub.seek(subscription)
    with pytest.raises(exceptions.NotFound):
        pubsub.seek(subscription, snapshot=pubsub.name("snapshots"))
    elsewhere = pubsub.snapshot(pubsub.subscription(pubsub.topic()))
    with pytest.raises(exceptions.InvalidArgument, match="different topics"):
        pubsub.seek(subscription, snapshot=elsewhere)


@pytest.mark.rule("pubsub.snapshots.create", SNAPSHOT)
def test_a_new_snapshot_lives_for_seven_days(pubsub: Clients) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)
    name = pubsub.name("snapshots")
    created = pubsub.subscriber.create_snapshot(
        request={"name": name, "subscription": subscription, "labels": {"env": "test"}}
    )
    assert created.name == name
    assert created.topic == topic
    assert created.labels == {"env": "test"}
    lifetime = created.expire_time - datetime.now(UTC)
    assert abs(lifetime - timedelta(days=7)) < timedelta(minutes=1)
    with pytest.raises(exceptions.AlreadyExists):
        pubsub.subscriber.create_snapshot(name=name, subscription=subscription)
    with pytest.raises(exceptions.NotFound):
        pubsub.snapshot(pubsub.name("subscriptions"))


@pytest.mark.rule("pubsub.names.assigned", NAMES)
def test_a_snapshot_without_a_name_is_given_one_in_its_project(pubsub: Clients) -> None:
    subscription = pubsub.subscription(pubsub.topic())
    assigned = pubsub.subscriber.create_snapshot(request={"subscription": subscription})
    assert assigned.name.startswith("projects/contract/snapshots/")
    assert pubsub.subscriber.get_snapshot(snapshot=assigned.name) == assigned


@pytest.mark.rule("pubsub.snapshots.list", SNAPSHOTS)
def test_snapshots_are_listed_by_project_and_by_topic(pubsub: Clients) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)
    names = [f"projects/pictured/snapshots/snap-{number}" for number in range(3)]
    for name in names:
        pubsub.subscriber.create_snapshot(name=name, subscription=subscription)
    by_project = {"project": "projects/pictured", "page_size": 2}
    assert [each.name for each in pubsub.subscriber.list_snapshots(request=by_project)] == names
    assert list(pubsub.publisher.list_topic_snapshots(topic=topic)) == names


@pytest.mark.rule("pubsub.snapshots.update", SNAPSHOTS)
def test_a_snapshots_labels_change_but_not_its_topic(pubsub: Clients) -> None:
    snapshot = pubsub.snapshot(pubsub.subscription(pubsub.topic()))
    changes = {"name": snapshot, "labels": {"env": "test"}}
    updated = pubsub.subscriber.update_snapshot(
        snapshot=changes, update_mask=FieldMask(paths=["labels"])
    )
    assert updated.labels == {"env": "test"}
    with pytest.raises(exceptions.InvalidArgument, match="topic"):
        pubsub.subscriber.update_snapshot(snapshot=changes, update_mask=FieldMask(paths=["topic"]))


@pytest.mark.rule("pubsub.snapshots.delete", SNAPSHOTS)
def test_a_deleted_snapshot_is_gone(pubsub: Clients) -> None:
    subscription = pubsub.subscription(pubsub.topic())
    snapshot = pubsub.snapshot(subscription)
    pubsub.subscriber.delete_snapshot(snapshot=snapshot)
    for call in (pubsub.subscriber.get_snapshot, pubsub.subscriber.delete_snapshot):
        with pytest.raises(exceptions.NotFound):
            call(snapshot=snapshot)
    with pytest.raises(exceptions.NotFound):
        pubsub.seek(subscription, snapshot=snapshot)


@pytest.mark.rule("pubsub.seek.stream", REPLAY)
def test_a_seek_wakes_who_waits(pubsub: Clients) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic, retain_acked_messages=True)
    received: list[bytes] = []

    def callback(message: Any) -> None:
        received.append(message.data)
        message.ack()

    future = pubsub.subscriber.subscribe(subscription, callback)
    try:
        pubsub.publish(topic, b"again")
        assert eventually(lambda: received == [b"again"])
        assert eventually(lambda: _seek_and_count(pubsub, subscription, received) >= 2)
    finally:
        future.cancel()
        future.result(timeout=10)


def _seek_and_count(pubsub: Clients, subscription: str, received: list[bytes]) -> int:
    # The acknowledgement is on its way while this runs, so one seek may come before it.
    pubsub.seek(subscription, time=LONG_AGO)
    return len(received)
