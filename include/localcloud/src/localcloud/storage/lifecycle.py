"""Runs the lifecycle rules of buckets and ends what soft delete kept.

Google inspects buckets in its own time; here a background thread does at an interval, and
``POST /_localcloud/lifecycle`` does at once, for any time of day it is told.
Source: https://cloud.google.com/storage/docs/lifecycle#behavior
"""

from __future__ import annotations

import dataclasses
import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby

from localcloud.errors import invalid_argument
from localcloud.http.call import Call, Reply
from localcloud.state.database import Database
from localcloud.storage import lifecycle_rules, soft_delete
from localcloud.storage.buckets import Bucket, BucketStore
from localcloud.storage.lifecycle_rules import ABORT_UPLOAD, DELETE, Facts, Rule
from localcloud.storage.objects import ObjectStore
from localcloud.storage.part_uploads import PartUploads
from localcloud.storage.records import ObjectVersion

_INTERVAL_SECONDS = 60.0
_BATCH = 500
_log = logging.getLogger(__name__)


@dataclass
class Report:
    """What one run did, in numbers of versions and of uploads."""

    deleted: int = 0
    storage_class_changed: int = 0
    uploads_aborted: int = 0
    soft_deleted_purged: int = 0


class Lifecycle:
    """Applies the rules of every bucket; one run at a time."""

    def __init__(
        self, database: Database, buckets: BucketStore, objects: ObjectStore, uploads: PartUploads
    ) -> None:
        self._database = database
        self._buckets = buckets
        self._objects = objects
        self._uploads = uploads
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._repeat, name="lifecycle", daemon=True)

    def start(self) -> None:
        """Begin to run at intervals."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread, after the run in hand."""
        self._stop.set()
        self._thread.join()

    def answer(self, call: Call) -> Reply:
        """Run now, as if it were the time ``at`` of the request; answer what was done.

        Raises
        ------
        GoogleError
            400 when the request is not understood.
        """
        request = call.json()
        if not isinstance(request, dict) or request.keys() - {"at"}:
            raise invalid_argument('Give {} or {"at": "2027-01-31T00:00:00Z"}.')
        return Reply.json(dataclasses.asdict(self.run(_moment(request.get("at")))))

    def run(self, now: datetime) -> Report:
        """Apply every rule once, as of a time."""
        report = Report()
        with self._lock:
            for bucket in self._buckets.all():
                if rules := lifecycle_rules.parse(bucket.fields):
                    self._apply(bucket, rules, now, report)
            report.soft_deleted_purged = soft_delete.purge(self._database, now)
        return report

    def _apply(self, bucket: Bucket, rules: list[Rule], now: datetime, report: Report) -> None:
        for facts in self._facts(bucket.name, now):
            rule = lifecycle_rules.due(rules, facts)
            if rule is None:
                continue
            version = facts.version
            if rule.action == DELETE:
                report.deleted += self._objects.expire(version)
            else:
                changed = self._objects.reclassify(version, str(rule.storage_class))
                report.storage_class_changed += changed
        aborting = [rule for rule in rules if rule.action == ABORT_UPLOAD]
        report.uploads_aborted += self._uploads.abort_where(bucket.name, aborting, now)

    def _facts(self, bucket: str, now: datetime) -> Iterator[Facts]:
        for _, group in groupby(self._versions(bucket), key=lambda version: version.name):
            versions = sorted(group, key=lambda version: -version.generation)
            for newer, version in enumerate(versions):
                yield Facts(version, newer, now)

    def _versions(self, bucket: str) -> Iterator[ObjectVersion]:
        position = ("", -1)
        while rows := self._database.read(
            "SELECT * FROM objects WHERE bucket = ? AND (name, generation) > (?, ?)"
            " ORDER BY name, generation LIMIT ?",
            (bucket, *position, _BATCH),
        ):
            for row in rows:
                yield ObjectVersion.of_row(row)
            position = (rows[-1]["name"], rows[-1]["generation"])

    def _repeat(self) -> None:
        while not self._stop.wait(_INTERVAL_SECONDS):
            try:
                self.run(datetime.now(UTC))
            except Exception as error:
                # The next run may succeed; a name in the message could be a patient's.
                _log.warning("A lifecycle run failed: %s", type(error).__name__)


def _moment(text: object) -> datetime:
    if text is None:
        return datetime.now(UTC)
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        raise invalid_argument(f"Invalid time {text!r}; give RFC 3339.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
