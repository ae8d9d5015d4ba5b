"""Requests a minute by method pattern; a call beyond the quota is refused.

The window is sliding, so that a client which waits a minute always gets through.
Source: https://cloud.google.com/healthcare-api/quotas
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable

from localcloud.behaviour import BehaviourSwitch
from localcloud.errors import GoogleError

_WINDOW_SECONDS = 60.0


class Quotas:
    """Counts calls against the quotas of the behaviour in force; safe for any thread."""

    def __init__(
        self, behaviour: BehaviourSwitch, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._behaviour = behaviour
        self._clock = clock
        self._lock = threading.Lock()
        self._taken: defaultdict[str, deque[float]] = defaultdict(deque)

    def exceeded(self, method_id: str) -> GoogleError | None:
        """Count one call, or return the 429 that it gets; a refused call counts for nothing."""
        quotas = self._behaviour.current.quotas_of(method_id)
        if not quotas:
            return None
        now = self._clock()
        with self._lock:
            for pattern, limit in quotas:
                taken = self._taken[pattern]
                while taken and taken[0] <= now - _WINDOW_SECONDS:
                    taken.popleft()
                if len(taken) >= limit:
                    return GoogleError.of(
                        429,
                        f"Quota exceeded for quota metric '{pattern}' and limit "
                        f"'{limit} requests per minute'. Wait and repeat with backoff.",
                    )
            for pattern, _ in quotas:
                self._taken[pattern].append(now)
        return None
