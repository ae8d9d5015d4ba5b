"""The traffic split of an endpoint: what is valid, and whose turn it is.

Source: https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.endpoints
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping

from localcloud.bodies import whole
from localcloud.vertex.names import precondition, wrong_field

NEW_MODEL = "0"
"""Stands for the model being deployed, whose id its caller cannot know."""
_WHOLE = 100
_MAX_ENDPOINTS = 1000
"""Of more endpoints than these the turns begin anew, so that deleted ones take no memory."""

Split = Mapping[str, int]


def check_split(split: Mapping[str, object], deployed: Collection[str]) -> dict[str, int]:
    """Return a split without its zeros; an empty one means no traffic.

    Raises
    ------
    GoogleError
        400 when the shares do not add up to 100 or name a model that is not deployed.
    """
    shares: dict[str, int] = {}
    for model_id, share in split.items():
        if model_id not in deployed:
            raise wrong_field(
                "traffic_split", f"DeployedModel {model_id} does not exist in the Endpoint."
            )
        percentage = whole(share, "traffic_split")
        if not 0 <= percentage <= _WHOLE:
            raise wrong_field("traffic_split", f"Percentage {share!r} is not from 0 to 100.")
        if percentage:
            shares[model_id] = percentage
    total = sum(shares.values())
    if split and total != _WHOLE:
        raise wrong_field(
            "traffic_split", f"The traffic percentage values must add up to 100, not {total}."
        )
    return shares


class Turns:
    """Spreads the calls of each endpoint over its deployed models, exactly by their shares.

    Smooth weighted round robin: among any 100 calls in a row each model gets its percentage, and
    a model's turns are as far apart as they can be.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._credits: dict[str, dict[str, int]] = {}

    def next(self, endpoint: str, split: Split) -> str:
        """Return the id of the deployed model that answers the next call.

        Raises
        ------
        GoogleError
            400 when no model gets traffic.
        """
        if not split:
            raise precondition(f"Endpoint {endpoint} doesn't have traffic_split.")
        with self._lock:
            held = self._credits.get(endpoint, {})
            credit = {model_id: held.get(model_id, 0) + split[model_id] for model_id in split}
            chosen = max(sorted(credit), key=lambda model_id: credit[model_id])
            credit[chosen] -= _WHOLE
            if endpoint not in self._credits and len(self._credits) >= _MAX_ENDPOINTS:
                self._credits.clear()
            self._credits[endpoint] = credit
        return chosen
