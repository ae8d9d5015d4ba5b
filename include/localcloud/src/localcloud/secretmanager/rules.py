"""What a secret may say of itself.

Source: https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from localcloud.errors import invalid_argument

Json = dict[str, Any]

LATEST = "latest"
SECRET_ID = re.compile(r"[A-Za-z0-9_-]{1,255}")
_LABEL_KEY = re.compile(r"[^\W\d_A-Z][\w-]{0,62}")
_LABEL_VALUE = re.compile(r"[\w-]{0,63}")
_ANNOTATION_KEY = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
_ALIAS = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,62}")
_TOPIC = re.compile(r"projects/[^/]+/topics/[^/]+")
_TIMESTAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")
_RESERVED_ALIASES = frozenset({LATEST, "NEW"})
_MAX_LABELS = 64
_MAX_LABEL_BYTES = 128
_MAX_ANNOTATIONS_BYTES = 16 << 10
_MAX_ALIASES = 50
_MAX_TOPICS = 10
_MIN_ROTATION_SECONDS = 3600.0
_MIN_FIRST_ROTATION = timedelta(seconds=300)
_MAX_ROTATION_SECONDS = 3_153_600_000.0
_DAY_SECONDS = 86_400.0
_MAX_DESTROY_DAYS = 1000


def check_replication(replication: object) -> None:
    """Require exactly one policy, and locations where the user manages them; 400 otherwise."""
    if not isinstance(replication, Mapping) or not replication:
        raise invalid_argument("Field 'secret.replication' is required.")
    kinds = [kind for kind in ("automatic", "userManaged") if replication.get(kind) is not None]
    if len(kinds) != 1:
        raise invalid_argument("A replication is either 'automatic' or 'userManaged'.")
    if kinds == ["userManaged"]:
        replicas = replication["userManaged"].get("replicas") or []
        locations = [replica.get("location") for replica in replicas]
        if not replicas or not all(locations) or len(set(locations)) < len(locations):
            raise invalid_argument("User-managed replication needs distinct 'location's.")


def check_secret(secret: Mapping[str, Any], versions: Collection[int], now: datetime) -> None:
    """Check everything about a secret that may change.

    Parameters
    ----------
    versions
        The numbers that an alias may stand for.

    Raises
    ------
    GoogleError
        400, naming the field.
    """
    _check_labels(secret.get("labels") or {})
    _check_annotations(secret.get("annotations") or {})
    _check_aliases(secret.get("versionAliases") or {}, versions)
    _check_topics(secret)
    _check_rotation(secret.get("rotation") or {}, bool(secret.get("topics")), now)
    if (ttl := secret.get("versionDestroyTtl")) is not None:
        longest = _MAX_DESTROY_DAYS * _DAY_SECONDS
        if not _DAY_SECONDS <= seconds_of(ttl, "version_destroy_ttl") <= longest:
            raise invalid_argument(
                f"version_destroy_ttl must be from 1 day to {_MAX_DESTROY_DAYS} days, not {ttl}."
            )


def expiration(request: Mapping[str, Any], now: datetime) -> str | None:
    """Return when a secret expires, from its ``expireTime`` or its ``ttl``; None for never.

    Raises
    ------
    GoogleError
        400 when both are given, or the time is not in the future.
    """
    ttl, moment = request.get("ttl"), request.get("expireTime")
    if ttl and moment:
        raise invalid_argument("Give one of expire_time and ttl.")
    if ttl:
        seconds = seconds_of(ttl, "ttl")
        if seconds <= 0:
            raise invalid_argument(f"ttl must be positive, not {ttl}.")
        try:
            return timestamp(now + timedelta(seconds=seconds))
        except OverflowError:
            raise invalid_argument(f"ttl {ttl} is too long.") from None
    if moment:
        if moment_of(moment, "expire_time") <= now:
            raise invalid_argument(f"expire_time must be in the future, not {moment}.")
        return str(moment)
    return None


def seconds_of(duration: object, field: str) -> float:
    """Read a duration such as ``"90s"``, or raise 400."""
    text = str(duration)
    try:
        seconds = float(text.removesuffix("s")) if text.endswith("s") else math.nan
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds):
        raise invalid_argument(f"{field}: {duration!r} is not a duration such as '3600s'.")
    return seconds


def moment_of(text: object, field: str) -> datetime:
    """Read an RFC 3339 timestamp, or raise 400."""
    match = _TIMESTAMP.fullmatch(str(text))
    try:
        if match is None:
            raise ValueError
        fraction = (match[2] or ".0")[:7]
        zone = "+00:00" if match[3] == "Z" else match[3]
        return datetime.fromisoformat(f"{match[1]}{fraction:0<7}{zone}").astimezone(UTC)
    except (ValueError, OverflowError):
        raise invalid_argument(f"{field}: {text!r} is not an RFC 3339 timestamp.") from None


def timestamp(moment: datetime) -> str:
    """Write an RFC 3339 timestamp with microseconds."""
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _check_labels(labels: Mapping[str, str]) -> None:
    if len(labels) > _MAX_LABELS:
        raise invalid_argument(f"A secret has at most {_MAX_LABELS} labels, not {len(labels)}.")
    for key, value in labels.items():
        good = _LABEL_KEY.fullmatch(key) and _LABEL_VALUE.fullmatch(value)
        lower = key == key.lower() and value == value.lower()
        if not good or not lower or max(map(_bytes, (key, value))) > _MAX_LABEL_BYTES:
            raise invalid_argument(
                f"Label {key!r}={value!r} is not valid. Use up to 63 lower-case letters, digits,"
                " '_' and '-', 128 bytes at most; begin the key with a letter."
            )


def _check_annotations(annotations: Mapping[str, str]) -> None:
    for key in annotations:
        if not _ANNOTATION_KEY.fullmatch(key):
            raise invalid_argument(
                f"Annotation key {key!r} is not valid. Use up to 63 letters, digits, '_', '-' and"
                " '.'; begin and end with a letter or digit."
            )
    size = sum(_bytes(key) + _bytes(value) for key, value in annotations.items())
    if size >= _MAX_ANNOTATIONS_BYTES:
        raise invalid_argument(f"Annotations take {size} bytes; the limit is 16 KiB.")


def _check_aliases(aliases: Mapping[str, object], versions: Collection[int]) -> None:
    if len(aliases) > _MAX_ALIASES:
        raise invalid_argument(f"A secret has at most {_MAX_ALIASES} version aliases.")
    for alias, version in aliases.items():
        if not _ALIAS.fullmatch(alias) or alias in _RESERVED_ALIASES:
            raise invalid_argument(
                f"Version alias {alias!r} is not valid. Use up to 63 letters, digits, '_' and '-',"
                " begin with a letter, and take neither 'latest' nor 'NEW'."
            )
        if not str(version).isdigit() or int(str(version)) not in versions:
            raise invalid_argument(f"Version alias {alias!r}: there is no version {version}.")


def _check_topics(secret: Mapping[str, Any]) -> None:
    topics = secret.get("topics") or []
    if len(topics) > _MAX_TOPICS:
        raise invalid_argument(f"A secret has at most {_MAX_TOPICS} topics, not {len(topics)}.")
    for topic in topics:
        if not _TOPIC.fullmatch(topic.get("name") or ""):
            raise invalid_argument(f"Topic {topic.get('name')!r}: give projects/P/topics/T.")


def _check_rotation(rotation: Mapping[str, Any], has_topics: bool, now: datetime) -> None:
    if not rotation:
        return
    if not has_topics:
        raise invalid_argument("A rotation needs topics to tell of it.")
    following, period = rotation.get("nextRotationTime"), rotation.get("rotationPeriod")
    if period is not None:
        seconds = seconds_of(period, "rotation_period")
        if not _MIN_ROTATION_SECONDS <= seconds <= _MAX_ROTATION_SECONDS:
            raise invalid_argument(f"rotation_period must be at least 3600s, not {period}.")
    if following is None:
        raise invalid_argument("A rotation needs next_rotation_time.")
    if moment_of(following, "next_rotation_time") < now + _MIN_FIRST_ROTATION:
        raise invalid_argument("next_rotation_time must be 300s in the future or more.")


def _bytes(text: str) -> int:
    return len(text.encode())
