"""Lifecycle rules: which action, if any, a version of an object is due.

Source: https://cloud.google.com/storage/docs/lifecycle
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from localcloud.errors import invalid_argument
from localcloud.storage.records import ObjectVersion

DELETE = "Delete"
SET_STORAGE_CLASS = "SetStorageClass"
ABORT_UPLOAD = "AbortIncompleteMultipartUpload"

_MAX_RULES = 100
_DAY_SECONDS = 24 * 3600
_TARGETS = ("NEARLINE", "COLDLINE", "ARCHIVE")
_TRANSITIONS = {
    "STANDARD": _TARGETS,
    "MULTI_REGIONAL": _TARGETS,
    "REGIONAL": _TARGETS,
    "DURABLE_REDUCED_AVAILABILITY": _TARGETS,
    "NEARLINE": ("COLDLINE", "ARCHIVE"),
    "COLDLINE": ("ARCHIVE",),
    "ARCHIVE": (),
}
_NEVER_TARGETS = ("STANDARD", "MULTI_REGIONAL", "REGIONAL")
_ABORT_CONDITIONS = frozenset({"age", "matchesPrefix", "matchesSuffix"})


@dataclass(frozen=True)
class Facts:
    """What rules ask of a version: the version, how many are newer, and the present time."""

    version: ObjectVersion
    newer_versions: int
    now: datetime

    def age(self, field: str) -> timedelta | None:
        """Return the time since a timestamp of the resource, None when it has none."""
        text = self.version.fields.get(field)
        return None if text is None else self.now - datetime.fromisoformat(text)

    def before(self, field: str, day: str) -> bool:
        """Whether a timestamp of the resource lies before a day (UTC)."""
        text = self.version.fields.get(field)
        return text is not None and datetime.fromisoformat(text) < _midnight(day)


@dataclass(frozen=True)
class Rule:
    """One action and the conditions that must all hold."""

    action: str
    storage_class: str | None
    conditions: Mapping[str, Any]

    def matches(self, facts: Facts) -> bool:
        """Whether all conditions hold."""
        return all(_HOLDS[name](facts, value) for name, value in self.conditions.items())

    def matches_upload(self, name: str, begun: datetime, now: datetime) -> bool:
        """Whether an unfinished multipart upload has met all conditions."""
        conditions = self.conditions
        prefixes, suffixes = conditions.get("matchesPrefix"), conditions.get("matchesSuffix")
        return (
            (now - begun).total_seconds() >= conditions.get("age", 0) * _DAY_SECONDS
            and (prefixes is None or name.startswith(tuple(prefixes)))
            and (suffixes is None or name.endswith(tuple(suffixes)))
        )


def parse(bucket_fields: Mapping[str, Any]) -> list[Rule]:
    """Return the rules of a bucket resource.

    Raises
    ------
    GoogleError
        400 for a rule that could not be followed.
    """
    items = bucket_fields.get("lifecycle", {}).get("rule") or []
    if len(items) > _MAX_RULES:
        raise invalid_argument(f"A lifecycle holds at most {_MAX_RULES} rules, not {len(items)}.")
    return [_rule(item) for item in items]


def due(rules: Iterable[Rule], facts: Facts) -> Rule | None:
    """Return the rule to apply: deletion before any class, then the cheapest class to keep."""
    matching = [rule for rule in rules if rule.action != ABORT_UPLOAD and rule.matches(facts)]
    if deletions := [rule for rule in matching if rule.action == DELETE]:
        return deletions[0]
    possible = _TRANSITIONS[facts.version.fields["storageClass"]]
    moves = [rule for rule in matching if rule.storage_class in possible]
    return max(moves, key=lambda rule: _TARGETS.index(str(rule.storage_class)), default=None)


def _rule(item: Mapping[str, Any]) -> Rule:
    action, conditions = item.get("action") or {}, item.get("condition") or {}
    kind, storage_class = action.get("type"), action.get("storageClass")
    if kind not in (DELETE, SET_STORAGE_CLASS, ABORT_UPLOAD):
        raise invalid_argument(f"Invalid lifecycle action {kind!r}.")
    if (storage_class is not None) != (kind == SET_STORAGE_CLASS):
        raise invalid_argument("A lifecycle action has a storageClass if it is SetStorageClass.")
    if kind == SET_STORAGE_CLASS and storage_class not in (*_TARGETS, *_NEVER_TARGETS):
        raise invalid_argument(f"Invalid storage class {storage_class!r} in a lifecycle action.")
    given = {name: value for name, value in conditions.items() if value is not None}
    if not given:
        raise invalid_argument("A lifecycle rule needs at least one condition.")
    allowed = _ABORT_CONDITIONS if kind == ABORT_UPLOAD else _HOLDS.keys()
    if unknown := sorted(given.keys() - allowed):
        raise invalid_argument(f"The condition {unknown[0]!r} cannot be used with {kind}.")
    return Rule(kind, storage_class, {name: _read(name, value) for name, value in given.items()})


def _read(name: str, value: Any) -> Any:
    if name in _COUNTS:
        if (number := int(value)) < 0:
            raise invalid_argument(f"The lifecycle condition {name} must not be negative.")
        return number
    if name in _DAYS:
        try:
            date.fromisoformat(value)
        except ValueError:
            raise invalid_argument(
                f"Invalid {name}: {value!r}; give a date such as 2026-01-31."
            ) from None
    return value


def _midnight(day: str) -> datetime:
    return datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC)


def _days(field: str) -> Callable[[Facts, int], bool]:
    def holds(facts: Facts, days: int) -> bool:
        age = facts.age(field)
        return age is not None and age.total_seconds() >= days * _DAY_SECONDS

    return holds


def _before(field: str) -> Callable[[Facts, str], bool]:
    return lambda facts, day: facts.before(field, day)


_HOLDS: Mapping[str, Callable[[Facts, Any], bool]] = {
    "age": _days("timeCreated"),
    "daysSinceNoncurrentTime": _days("timeDeleted"),
    "daysSinceCustomTime": _days("customTime"),
    "createdBefore": _before("timeCreated"),
    "noncurrentTimeBefore": _before("timeDeleted"),
    "customTimeBefore": _before("customTime"),
    "isLive": lambda facts, value: facts.version.live is value,
    "numNewerVersions": lambda facts, value: facts.newer_versions >= value,
    "matchesPrefix": lambda facts, value: facts.version.name.startswith(tuple(value)),
    "matchesSuffix": lambda facts, value: facts.version.name.endswith(tuple(value)),
    "matchesStorageClass": lambda facts, value: facts.version.fields["storageClass"] in value,
    "sizeAboveBytes": lambda facts, value: facts.version.size > value,
    "sizeBelowBytes": lambda facts, value: facts.version.size < value,
}
_COUNTS = frozenset(
    {
        "age",
        "daysSinceNoncurrentTime",
        "daysSinceCustomTime",
        "numNewerVersions",
        "sizeAboveBytes",
        "sizeBelowBytes",
    }
)
_DAYS = frozenset({"createdBefore", "noncurrentTimeBefore", "customTimeBefore"})
