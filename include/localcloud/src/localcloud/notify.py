"""How a service sends a message to Pub/Sub without knowing the Pub/Sub service."""

from __future__ import annotations

from typing import Protocol


class Publisher(Protocol):
    """Something that publishes to a topic; implemented by the Pub/Sub service."""

    def publish(self, topic: str, data: bytes, attributes: dict[str, str]) -> None:
        """Publish one message; safe to call from any thread.

        Parameters
        ----------
        topic
            ``projects/P/topics/T``.

        Raises
        ------
        GoogleError
            ``NOT_FOUND`` when the topic does not exist.
        """


class TopicLookup(Protocol):
    """Tells whether a topic exists, for services that refuse to be pointed at one that does not."""

    def __call__(self, topic: str) -> bool:
        """Return whether ``projects/P/topics/T`` exists; safe to call from any thread."""
