"""Labels of a bucket.

Source: https://cloud.google.com/storage/docs/tags-and-labels#bucket-labels
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from localcloud.errors import invalid_argument

_MAX_LABELS = 64
_KEY = re.compile(r"(?![\d_-])[\w-]{1,63}")
_VALUE = re.compile(r"[\w-]{0,63}")


def check_labels(labels: Mapping[str, str]) -> None:
    """Raise ``INVALID_ARGUMENT`` for labels that a bucket cannot bear."""
    if len(labels) > _MAX_LABELS:
        raise invalid_argument(f"A bucket has at most {_MAX_LABELS} labels, not {len(labels)}.")
    for key, value in labels.items():
        lower = (key, value) == (key.lower(), value.lower())
        if not (lower and _KEY.fullmatch(key) and _VALUE.fullmatch(value)):
            raise invalid_argument(
                f"Invalid label {key!r}={value!r}. Use up to 63 lower-case letters, digits, '_' and"
                " '-'; begin the key with a letter."
            )
