"""Labels of topics, subscriptions and snapshots.

Source: https://cloud.google.com/pubsub/docs/create-topic-labels
"""

from __future__ import annotations

from collections.abc import Mapping

from localcloud.pubsub.errors import invalid

_MAX_LABELS = 64
_MAX_CHARACTERS = 63


def check_labels(labels: Mapping[str, str]) -> None:
    """Raise INVALID_ARGUMENT for more labels, or other characters in them, than Google takes.

    Letters of every script are taken, but no capitals; a key begins with a letter.
    """
    if len(labels) > _MAX_LABELS:
        raise invalid(f"Invalid labels given: {len(labels)} of at most {_MAX_LABELS}.")
    for key, value in labels.items():
        if not key[:1].isalpha() or not _is_label(key):
            raise invalid(f"Invalid label key given: (key={key[:_MAX_CHARACTERS]})")
        if not _is_label(value):
            raise invalid(f"Invalid label value given: (value={value[:_MAX_CHARACTERS]})")


def _is_label(text: str) -> bool:
    return len(text) <= _MAX_CHARACTERS and all(
        character in "_-" or (character.isalnum() and character == character.lower())
        for character in text
    )
