"""The messages of Pub/Sub in their raw form, whose fields cost a fraction of proto-plus's.

Google's package has no types for them, so that to a type checker each may be anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from google.pubsub_v1.types import pubsub

if TYPE_CHECKING:
    CreateSnapshotRequest: TypeAlias = Any
    DeadLetterPolicy: TypeAlias = Any
    DetachSubscriptionResponse: TypeAlias = Any
    ListSnapshotsResponse: TypeAlias = Any
    ListSubscriptionsResponse: TypeAlias = Any
    ListTopicSnapshotsResponse: TypeAlias = Any
    ListTopicSubscriptionsResponse: TypeAlias = Any
    ListTopicsResponse: TypeAlias = Any
    PublishResponse: TypeAlias = Any
    PubsubMessage: TypeAlias = Any
    PullResponse: TypeAlias = Any
    PushConfig: TypeAlias = Any
    ReceivedMessage: TypeAlias = Any
    RetryPolicy: TypeAlias = Any
    SeekRequest: TypeAlias = Any
    SeekResponse: TypeAlias = Any
    Snapshot: TypeAlias = Any
    StreamingPullResponse: TypeAlias = Any
    Subscription: TypeAlias = Any
    Topic: TypeAlias = Any
else:
    CreateSnapshotRequest = pubsub.CreateSnapshotRequest.pb()
    DeadLetterPolicy = pubsub.DeadLetterPolicy.pb()
    DetachSubscriptionResponse = pubsub.DetachSubscriptionResponse.pb()
    ListSnapshotsResponse = pubsub.ListSnapshotsResponse.pb()
    ListSubscriptionsResponse = pubsub.ListSubscriptionsResponse.pb()
    ListTopicSnapshotsResponse = pubsub.ListTopicSnapshotsResponse.pb()
    ListTopicSubscriptionsResponse = pubsub.ListTopicSubscriptionsResponse.pb()
    ListTopicsResponse = pubsub.ListTopicsResponse.pb()
    PublishResponse = pubsub.PublishResponse.pb()
    PubsubMessage = pubsub.PubsubMessage.pb()
    PullResponse = pubsub.PullResponse.pb()
    PushConfig = pubsub.PushConfig.pb()
    ReceivedMessage = pubsub.ReceivedMessage.pb()
    RetryPolicy = pubsub.RetryPolicy.pb()
    SeekRequest = pubsub.SeekRequest.pb()
    SeekResponse = pubsub.SeekResponse.pb()
    Snapshot = pubsub.Snapshot.pb()
    StreamingPullResponse = pubsub.StreamingPullResponse.pb()
    Subscription = pubsub.Subscription.pb()
    Topic = pubsub.Topic.pb()
