"""How large a prediction may be and how long it may take, by type of endpoint.

Source: https://cloud.google.com/vertex-ai/docs/predictions/choose-endpoint-type and
https://cloud.google.com/vertex-ai/docs/predictions/create-public-endpoint
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from localcloud.vertex.names import precondition, wrong_field

_MIB = 1 << 20
_MAX_TIMEOUT_SECONDS = 3600.0
_DEDICATED_TIMEOUT_SECONDS = 600.0


@dataclass(frozen=True)
class Limits:
    """One endpoint's limits; ``payload_bytes`` holds for requests and for responses."""

    payload_bytes: int
    timeout_seconds: float

    def check_request(self, size_bytes: int) -> None:
        """Refuse a request that is too large, in Google's words.

        Raises
        ------
        GoogleError
            400 FAILED_PRECONDITION.
        """
        if size_bytes > self.payload_bytes:
            limit = f"{self.payload_bytes / _MIB:.3f}MB"
            raise precondition(f"The request size ({size_bytes} bytes) exceeds {limit} limit.")


SHARED = Limits(payload_bytes=3 * _MIB // 2, timeout_seconds=60.0)


def limits_of(endpoint: Mapping[str, Any]) -> Limits:
    """Return the limits of an endpoint resource."""
    if not endpoint.get("dedicatedEndpointEnabled"):
        return SHARED
    timeout = endpoint.get("clientConnectionConfig", {}).get("inferenceTimeout")
    return Limits(10 * _MIB, _seconds(timeout) if timeout else _DEDICATED_TIMEOUT_SECONDS)


def check_timeout(endpoint: Mapping[str, Any]) -> None:
    """Check ``clientConnectionConfig.inferenceTimeout``, a duration such as ``"90s"``.

    Raises
    ------
    GoogleError
        400 when it is no duration, not positive, or over an hour.
    """
    timeout = endpoint.get("clientConnectionConfig", {}).get("inferenceTimeout")
    if timeout is None:
        return
    seconds = _seconds(timeout)
    if not 0 < seconds <= _MAX_TIMEOUT_SECONDS:
        raise wrong_field(
            "endpoint.client_connection_config.inference_timeout",
            f"Must be more than 0s and at most {_MAX_TIMEOUT_SECONDS:.0f}s, not {timeout}.",
        )


def _seconds(duration: str) -> float:
    try:
        seconds = float(duration.removesuffix("s")) if duration.endswith("s") else math.nan
    except ValueError:
        seconds = math.nan
    return seconds if math.isfinite(seconds) else -1.0
