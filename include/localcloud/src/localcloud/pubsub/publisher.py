"""google.pubsub.v1.Publisher."""

from __future__ import annotations

from typing import Any

from google.protobuf.empty_pb2 import Empty

from localcloud.pubsub import retention, subscriptions, topics
from localcloud.pubsub.queues import Queues
from localcloud.pubsub.raw_messages import (
    DetachSubscriptionResponse,
    ListTopicSnapshotsResponse,
    ListTopicsResponse,
    ListTopicSubscriptionsResponse,
    PublishResponse,
)
from localcloud.pubsub.rpc import serves


class PublisherService:
    """Topics and publishing, as remote procedures."""

    def __init__(self, queues: Queues) -> None:
        self._queues = queues
        self._ledger = queues.ledger

    @serves("CreateTopic")
    async def create_topic(self, request: Any, _: object) -> Any:
        """Create a topic; the request is the topic."""
        return await self._ledger.commit(lambda tx: topics.create(tx, request))

    @serves("GetTopic")
    async def get_topic(self, request: Any, _: object) -> Any:
        """Read a topic."""
        return await self._ledger.commit(lambda tx: topics.get(tx, request.topic))

    @serves("UpdateTopic")
    async def update_topic(self, request: Any, _: object) -> Any:
        """Change fields of a topic."""
        return await self._ledger.commit(
            lambda tx: retention.update_topic(tx, request.topic, request.update_mask.paths)
        )

    @serves("ListTopics")
    async def list_topics(self, request: Any, _: object) -> Any:
        """List a project's topics."""
        found, token = await self._ledger.commit(
            lambda tx: topics.list_page(tx, request.project, request.page_size, request.page_token)
        )
        return ListTopicsResponse(topics=found, next_page_token=token)

    @serves("ListTopicSubscriptions")
    async def list_topic_subscriptions(self, request: Any, _: object) -> Any:
        """List the names of a topic's subscriptions."""
        names, token = await self._ledger.commit(
            lambda tx: topics.list_subscriptions(
                tx, request.topic, request.page_size, request.page_token
            )
        )
        return ListTopicSubscriptionsResponse(subscriptions=names, next_page_token=token)

    @serves("ListTopicSnapshots")
    async def list_topic_snapshots(self, request: Any, _: object) -> Any:
        """List the names of a topic's snapshots."""
        names, token = await self._ledger.commit(
            lambda tx: topics.list_snapshots(
                tx, request.topic, request.page_size, request.page_token
            )
        )
        return ListTopicSnapshotsResponse(snapshots=names, next_page_token=token)

    @serves("DeleteTopic")
    async def delete_topic(self, request: Any, _: object) -> Any:
        """Delete a topic; its subscriptions stay."""
        await self._ledger.commit(lambda tx: retention.delete_topic(tx, request.topic))
        return Empty()

    @serves("DetachSubscription")
    async def detach_subscription(self, request: Any, _: object) -> Any:
        """Cut a subscription off its topic; its pulls and streams end."""
        await self._ledger.commit(lambda tx: subscriptions.detach(tx, request.subscription))
        self._queues.signals.announce([request.subscription])
        return DetachSubscriptionResponse()

    @serves("Publish")
    async def publish(self, request: Any, _: object) -> Any:
        """Publish; the ids are answered once the messages are on disk."""
        ids = await self._queues.publish(request.topic, request.messages)
        return PublishResponse(message_ids=ids)
