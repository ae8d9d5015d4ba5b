"""How long a refused message rests before its next delivery.

Source: https://cloud.google.com/pubsub/docs/handling-failures#exponential_backoff
"""

from __future__ import annotations

from localcloud.pubsub import limits
from localcloud.pubsub.errors import invalid
from localcloud.pubsub.raw_messages import RetryPolicy as Policy
from localcloud.pubsub.raw_messages import Subscription


def check_policy(policy: Policy) -> None:
    """Raise INVALID_ARGUMENT for back-offs out of range or out of order."""
    low, high = _bounds(policy)
    if not 0 <= low <= high <= limits.MAX_BACKOFF_SECONDS:
        raise invalid(
            f"Invalid retry policy: minimum {low} s and maximum {high} s must be in order "
            f"and within 0 to {limits.MAX_BACKOFF_SECONDS:.0f} s."
        )


def backoff_seconds(subscription: Subscription, attempts: int) -> float:
    """Seconds to rest after `attempts` deliveries; 0 without a retry policy."""
    if not subscription.HasField("retry_policy"):
        return 0.0
    low, high = _bounds(subscription.retry_policy)
    # The exponent is capped where the maximum has long been reached: 2.0**1024 overflows.
    return min(high, low * 2.0 ** min(max(attempts, 1) - 1, 64))


def _bounds(policy: Policy) -> tuple[float, float]:
    low, high = limits.DEFAULT_MINIMUM_BACKOFF_SECONDS, limits.DEFAULT_MAXIMUM_BACKOFF_SECONDS
    if policy.HasField("minimum_backoff"):
        low = policy.minimum_backoff.ToTimedelta().total_seconds()
    if policy.HasField("maximum_backoff"):
        high = policy.maximum_backoff.ToTimedelta().total_seconds()
    return low, high
