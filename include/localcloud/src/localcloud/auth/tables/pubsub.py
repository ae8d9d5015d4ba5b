"""Pub/Sub over gRPC; placeholders are fields of the request message.

Source: https://cloud.google.com/pubsub/docs/access-control#required_permissions
"""

from __future__ import annotations

from localcloud.auth.needs import NOTHING, Need, Table, need

_TOPIC = "{topic}"
_SUBSCRIPTION = "{subscription}"
_SNAPSHOT = "{snapshot}"
_CONSUME = need("pubsub.subscriptions.consume", _SUBSCRIPTION)

TABLE: Table = {
    "pubsub.Publisher.CreateTopic": need("pubsub.topics.create", "{name}"),
    "pubsub.Publisher.UpdateTopic": need("pubsub.topics.update", "{topic.name}"),
    "pubsub.Publisher.Publish": need("pubsub.topics.publish", _TOPIC),
    "pubsub.Publisher.GetTopic": need("pubsub.topics.get", _TOPIC),
    "pubsub.Publisher.ListTopics": need("pubsub.topics.list", "{project}"),
    "pubsub.Publisher.ListTopicSubscriptions": need("pubsub.topics.get", _TOPIC),
    "pubsub.Publisher.ListTopicSnapshots": need("pubsub.topics.get", _TOPIC),
    "pubsub.Publisher.DeleteTopic": need("pubsub.topics.delete", _TOPIC),
    "pubsub.Publisher.DetachSubscription": need("pubsub.topics.detachSubscription", _SUBSCRIPTION),
    "pubsub.Subscriber.CreateSubscription": (
        Need("pubsub.subscriptions.create", "{name}"),
        Need("pubsub.topics.attachSubscription", _TOPIC),
    ),
    "pubsub.Subscriber.GetSubscription": need("pubsub.subscriptions.get", _SUBSCRIPTION),
    "pubsub.Subscriber.UpdateSubscription": need(
        "pubsub.subscriptions.update", "{subscription.name}"
    ),
    "pubsub.Subscriber.ListSubscriptions": need("pubsub.subscriptions.list", "{project}"),
    "pubsub.Subscriber.DeleteSubscription": need("pubsub.subscriptions.delete", _SUBSCRIPTION),
    "pubsub.Subscriber.ModifyPushConfig": need("pubsub.subscriptions.update", _SUBSCRIPTION),
    "pubsub.Subscriber.Pull": _CONSUME,
    "pubsub.Subscriber.StreamingPull": _CONSUME,
    "pubsub.Subscriber.Acknowledge": _CONSUME,
    "pubsub.Subscriber.ModifyAckDeadline": _CONSUME,
    "pubsub.Subscriber.Seek": (
        *_CONSUME,
        Need("pubsub.snapshots.seek", _SNAPSHOT, optional=True),
    ),
    "pubsub.Subscriber.CreateSnapshot": (
        Need("pubsub.snapshots.create", "{name}"),
        *_CONSUME,
    ),
    "pubsub.Subscriber.GetSnapshot": need("pubsub.snapshots.get", _SNAPSHOT),
    "pubsub.Subscriber.ListSnapshots": need("pubsub.snapshots.list", "{project}"),
    "pubsub.Subscriber.UpdateSnapshot": need("pubsub.snapshots.update", "{snapshot.name}"),
    "pubsub.Subscriber.DeleteSnapshot": need("pubsub.snapshots.delete", _SNAPSHOT),
    "iam.IAMPolicy.GetIamPolicy": need("pubsub.{collection}.getIamPolicy", "{resource}"),
    "iam.IAMPolicy.SetIamPolicy": need("pubsub.{collection}.setIamPolicy", "{resource}"),
    "iam.IAMPolicy.TestIamPermissions": NOTHING,
}
