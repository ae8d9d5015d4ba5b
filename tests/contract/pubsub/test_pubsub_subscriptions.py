"""Subscriptions: their settings, defaults and limits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from google.api_core import exceptions
from google.protobuf.field_mask_pb2 import FieldMask
from google.pubsub_v1.services.schema_service import SchemaServiceClient
from google.pubsub_v1.services.schema_service.transports.grpc import SchemaServiceGrpcTransport
from tests.contract.pubsub.clients import Clients

REFERENCE = "https://cloud.google.com/pubsub/docs/reference/rpc/google.pubsub.v1#subscription"
DETACH = "https://cloud.google.com/pubsub/docs/detach-subscriptions"
SCHEMAS = "https://cloud.google.com/pubsub/docs/schemas"
DEAD_LETTER = "https://cloud.google.com/pubsub/docs/dead-letter-topics"


@pytest.mark.rule("pubsub.subscriptions.defaults", REFERENCE)
def test_a_new_subscription_shows_googles_defaults(pubsub: Clients) -> None:
    created = pubsub.subscriber.get_subscription(subscription=pubsub.subscription(pubsub.topic()))
    assert created.ack_deadline_seconds == 10
    assert created.message_retention_duration == timedelta(days=7)
    assert created.expiration_policy.ttl == timedelta(days=31)
    assert created.state == created.State.ACTIVE


@pytest.mark.rule("pubsub.subscriptions.create", REFERENCE)
def test_a_subscription_needs_a_free_name_and_a_topic(pubsub: Clients) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)
    with pytest.raises(exceptions.AlreadyExists):
        pubsub.subscriber.create_subscription(name=subscription, topic=topic)
    with pytest.raises(exceptions.NotFound):
        pubsub.subscription(pubsub.name("topics"))
    with pytest.raises(exceptions.InvalidArgument, match="Invalid"):
        pubsub.subscriber.create_subscription(name="projects/p/subscriptions/a", topic=topic)


@pytest.mark.rule("pubsub.subscriptions.limits", REFERENCE)
@pytest.mark.parametrize(
    "settings",
    [
        {"ack_deadline_seconds": 9},
        {"ack_deadline_seconds": 601},
        {"message_retention_duration": timedelta(minutes=9)},
        {"message_retention_duration": timedelta(days=32)},
        {"expiration_policy": {"ttl": timedelta(hours=23)}},
        {"retry_policy": {"maximum_backoff": timedelta(seconds=601)}},
        {
            "retry_policy": {
                "minimum_backoff": timedelta(seconds=5),
                "maximum_backoff": timedelta(seconds=2),
            }
        },
        {"filter": "attributes.a ="},
        {"filter": f'attributes.a = "{"x" * 250}"'},
    ],
    ids=str,
)
def test_a_setting_out_of_range_is_refused(pubsub: Clients, settings: dict[str, Any]) -> None:
    with pytest.raises(exceptions.InvalidArgument):
        pubsub.subscription(pubsub.topic(), **settings)


@pytest.mark.rule("pubsub.dead_letter.limits", DEAD_LETTER)
def test_a_dead_letter_policy_needs_its_topic_and_5_to_100_attempts(pubsub: Clients) -> None:
    topic, letters = pubsub.topic(), pubsub.topic()
    with pytest.raises(exceptions.NotFound):
        pubsub.subscription(topic, dead_letter_policy={"dead_letter_topic": pubsub.name("topics")})
    for attempts in (4, 101):
        policy = {"dead_letter_topic": letters, "max_delivery_attempts": attempts}
        with pytest.raises(exceptions.InvalidArgument):
            pubsub.subscription(topic, dead_letter_policy=policy)
    kept = pubsub.subscription(topic, dead_letter_policy={"dead_letter_topic": letters})
    policy = pubsub.subscriber.get_subscription(subscription=kept).dead_letter_policy
    assert policy.max_delivery_attempts == 5


@pytest.mark.rule("pubsub.subscriptions.update", REFERENCE)
def test_an_update_changes_settings_but_neither_filter_nor_order(pubsub: Clients) -> None:
    subscription = pubsub.subscription(pubsub.topic(), filter='attributes.a = "1"')
    changes = {
        "name": subscription,
        "ack_deadline_seconds": 60,
        "retry_policy": {"minimum_backoff": timedelta(seconds=1)},
        "filter": 'attributes.a = "2"',
    }

    def update(*paths: str) -> Any:
        return pubsub.subscriber.update_subscription(
            subscription=changes, update_mask=FieldMask(paths=paths)
        )

    updated = update("ack_deadline_seconds", "retry_policy.minimum_backoff")
    assert updated.ack_deadline_seconds == 60
    assert updated.retry_policy.minimum_backoff == timedelta(seconds=1)
    assert updated.filter == 'attributes.a = "1"'
    for path in ("filter", "enable_message_ordering", "topic", "nonsense"):
        with pytest.raises(exceptions.InvalidArgument, match=path):
            update(path)


@pytest.mark.rule("pubsub.subscriptions.list", REFERENCE)
def test_subscriptions_are_listed_by_project(pubsub: Clients) -> None:
    topic = pubsub.topic()
    names = [f"projects/listed/subscriptions/sub-{number}" for number in range(3)]
    for name in names:
        pubsub.subscriber.create_subscription(name=name, topic=topic)
    listed = pubsub.subscriber.list_subscriptions(
        request={"project": "projects/listed", "page_size": 2}
    )
    assert [each.name for each in listed] == names


@pytest.mark.rule("pubsub.subscriptions.delete", REFERENCE)
def test_a_deleted_subscription_is_gone_with_its_backlog(pubsub: Clients) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)
    pubsub.publish(topic, b"owed")
    pubsub.subscriber.delete_subscription(subscription=subscription)
    with pytest.raises(exceptions.NotFound):
        pubsub.pull(subscription)
    pubsub.subscriber.create_subscription(name=subscription, topic=topic)
    assert pubsub.is_empty(subscription)


@pytest.mark.rule("pubsub.subscriptions.never_expires", REFERENCE)
def test_an_expiration_policy_without_a_ttl_stays_without_one(pubsub: Clients) -> None:
    subscription = pubsub.subscription(pubsub.topic(), expiration_policy={})
    shown = pubsub.subscriber.get_subscription(subscription=subscription)
    assert "expiration_policy" in shown
    assert "ttl" not in shown.expiration_policy


@pytest.mark.rule("pubsub.subscriptions.assigned_name", REFERENCE)
def test_a_subscription_without_a_name_is_given_one(pubsub: Clients) -> None:
    created = pubsub.subscriber.create_subscription(request={"topic": pubsub.topic()})
    assert created.name.startswith("projects/contract/subscriptions/")
    assert pubsub.subscriber.get_subscription(subscription=created.name) == created


@pytest.mark.rule("pubsub.subscriptions.detach", DETACH)
def test_a_detached_subscription_loses_its_backlog_and_delivers_no_more(pubsub: Clients) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)
    streamed = pubsub.subscription(topic)
    future = pubsub.subscriber.subscribe(streamed, lambda message: message.ack())
    pubsub.publish(topic, b"dropped")
    for each in (subscription, streamed):
        pubsub.publisher.detach_subscription(request={"subscription": each})
    assert isinstance(future.exception(timeout=10), exceptions.FailedPrecondition)
    shown = pubsub.subscriber.get_subscription(subscription=subscription)
    assert shown.detached
    assert list(pubsub.publisher.list_topic_subscriptions(topic=topic)) == []
    for call in (
        lambda: pubsub.pull(subscription),
        lambda: pubsub.snapshot(subscription),
        lambda: pubsub.seek(subscription, time=datetime.now(UTC)),
    ):
        with pytest.raises(exceptions.FailedPrecondition, match="detached"):
            call()


@pytest.mark.rule("localcloud.unimplemented", "https://grpc.io/docs/guides/status-codes/")
@pytest.mark.parametrize(
    "settings",
    [
        {"bigquery_config": {"table": "project.dataset.table"}},
        {"cloud_storage_config": {"bucket": "bucket"}},
        {"bigtable_config": {"table": "projects/p/instances/i/tables/t"}},
        {"message_transforms": [{"javascript_udf": {"function_name": "f"}}]},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_a_setting_that_is_not_served_is_refused_by_name(
    pubsub: Clients, settings: dict[str, Any]
) -> None:
    with pytest.raises(exceptions.MethodNotImplemented, match=next(iter(settings))):
        pubsub.subscription(pubsub.topic(), **settings)


@pytest.mark.rule("localcloud.unimplemented.schemas", SCHEMAS)
def test_schemas_are_listed_and_answer_that_they_are_not_served(
    cloud: Any, pubsub: Clients
) -> None:
    channel = grpc.insecure_channel(cloud.pubsub)
    transport = SchemaServiceGrpcTransport(channel=channel)
    with (
        SchemaServiceClient(transport=transport) as schemas,
        pytest.raises(exceptions.MethodNotImplemented, match=r"SchemaService\.ListSchemas"),
    ):
        schemas.list_schemas(parent="projects/contract")
    methods = {
        each["id"]: each["served"] for each in cloud.admin("GET", "")["pubsub-grpc"]["methods"]
    }
    assert methods["pubsub.SchemaService.ListSchemas"] is False
    assert methods["pubsub.Subscriber.Seek"] is True
