"""Dead letters: a message refused too often moves to the topic that its subscription names.

Source: https://cloud.google.com/pubsub/docs/dead-letter-topics
"""

from __future__ import annotations

from localcloud.errors import GoogleError
from localcloud.pubsub import limits
from localcloud.pubsub.errors import invalid
from localcloud.pubsub.ledger import Transaction
from localcloud.pubsub.messages import deliver
from localcloud.pubsub.raw_messages import DeadLetterPolicy as Policy
from localcloud.pubsub.raw_messages import PubsubMessage as Message
from localcloud.pubsub.raw_messages import Subscription


def check_policy(policy: Policy) -> None:
    """Raise INVALID_ARGUMENT for a number of attempts that Google refuses."""
    low, high = limits.MIN_DELIVERY_ATTEMPTS, limits.MAX_DELIVERY_ATTEMPTS
    if policy.max_delivery_attempts and not low <= policy.max_delivery_attempts <= high:
        raise invalid(
            f"Invalid max delivery attempts given: {policy.max_delivery_attempts}. "
            f"Allowed values are {low} to {high}."
        )


def is_exhausted(subscription: Subscription, attempts: int) -> bool:
    """Whether a message delivered `attempts` times has no further chance."""
    policy = subscription.dead_letter_policy
    allowed = policy.max_delivery_attempts or limits.DEFAULT_DELIVERY_ATTEMPTS
    return bool(policy.dead_letter_topic) and attempts >= allowed


def forward(
    tx: Transaction, subscription: Subscription, message: Message, attempts: int, now: float
) -> set[str] | None:
    """Publish `message` to the dead-letter topic and return the subscriptions it reached.

    Returns None when that topic is gone: the message then stays where it is, as on Google.
    """
    _, project, _, name = subscription.name.split("/")
    letter = Message(data=message.data, ordering_key=message.ordering_key)
    letter.attributes.update(message.attributes)
    letter.attributes.update(
        {
            "CloudPubSubDeadLetterSourceDeliveryCount": str(attempts),
            "CloudPubSubDeadLetterSourceSubscription": name,
            "CloudPubSubDeadLetterSourceSubscriptionProject": project,
            "CloudPubSubDeadLetterSourceTopicPublishTime": message.publish_time.ToJsonString(),
        }
    )
    try:
        _, reached = deliver(tx, subscription.dead_letter_policy.dead_letter_topic, [letter], now)
    except GoogleError:
        return None
    return reached
