"""Pub/Sub over HTTP: the same permissions, named by what the request's path and body hold.

Source: https://cloud.google.com/pubsub/docs/access-control#required_permissions
"""

from __future__ import annotations

from localcloud.auth.needs import NOTHING, Need, Table, need

_KINDS = ("topics", "subscriptions", "snapshots")
_TOPIC = "{topic}"
_SUBSCRIPTION = "{subscription}"
_CONSUME = need("pubsub.subscriptions.consume", _SUBSCRIPTION)
_METHODS: Table = {
    "topics.create": need("pubsub.topics.create", "{name}"),
    "topics.get": need("pubsub.topics.get", _TOPIC),
    "topics.patch": need("pubsub.topics.update", "{name}"),
    "topics.list": need("pubsub.topics.list", "{project}"),
    "topics.delete": need("pubsub.topics.delete", _TOPIC),
    "topics.publish": need("pubsub.topics.publish", _TOPIC),
    "topics.subscriptions.list": need("pubsub.topics.get", _TOPIC),
    "topics.snapshots.list": need("pubsub.topics.get", _TOPIC),
    "subscriptions.detach": need("pubsub.topics.detachSubscription", _SUBSCRIPTION),
    "subscriptions.create": (
        Need("pubsub.subscriptions.create", "{name}"),
        Need("pubsub.topics.attachSubscription", "{.topic}"),
    ),
    "subscriptions.get": need("pubsub.subscriptions.get", _SUBSCRIPTION),
    "subscriptions.patch": need("pubsub.subscriptions.update", "{name}"),
    "subscriptions.list": need("pubsub.subscriptions.list", "{project}"),
    "subscriptions.delete": need("pubsub.subscriptions.delete", _SUBSCRIPTION),
    "subscriptions.pull": _CONSUME,
    "subscriptions.acknowledge": _CONSUME,
    "subscriptions.modifyAckDeadline": _CONSUME,
    "subscriptions.modifyPushConfig": need("pubsub.subscriptions.update", _SUBSCRIPTION),
    "subscriptions.seek": (
        *_CONSUME,
        Need("pubsub.snapshots.seek", "{.snapshot}", optional=True),
    ),
    "snapshots.create": (
        Need("pubsub.snapshots.create", "{name}"),
        Need("pubsub.subscriptions.consume", "{.subscription}"),
    ),
    "snapshots.get": need("pubsub.snapshots.get", "{snapshot}"),
    "snapshots.patch": need("pubsub.snapshots.update", "{name}"),
    "snapshots.list": need("pubsub.snapshots.list", "{project}"),
    "snapshots.delete": need("pubsub.snapshots.delete", "{snapshot}"),
    **{
        f"{kind}.{verb}": need(f"pubsub.{kind}.{verb}", "{resource}")
        for kind in _KINDS
        for verb in ("getIamPolicy", "setIamPolicy")
    },
    **{f"{kind}.testIamPermissions": NOTHING for kind in _KINDS},
}

TABLE: Table = {f"pubsub.projects.{name}": needs for name, needs in _METHODS.items()}
