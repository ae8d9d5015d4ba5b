"""Messages that are recorded with the change they tell of and published after it.

A message is written in the transaction of its change, so that the death of the process loses
neither; what was not published is published at the next start. Delivery is at least once, as it
is on Google.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import threading

from localcloud.errors import GoogleError
from localcloud.notify import Publisher
from localcloud.state.database import Database

_BATCH = 500
_log = logging.getLogger(__name__)
_SCHEMA = """
CREATE TABLE outbox (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  topic TEXT NOT NULL,
  data BLOB NOT NULL,
  attributes TEXT NOT NULL
)
"""


class Outbox:
    """The unpublished messages of one database; publishes in the order they were added."""

    def __init__(self, database: Database, publisher: Publisher) -> None:
        database.migrate("outbox", [_SCHEMA])
        self._database = database
        self._publisher = publisher
        self._lock = threading.Lock()
        self._pending = True
        self._failing: set[str] = set()

    def add(
        self, tx: sqlite3.Connection, topic: str, data: bytes, attributes: dict[str, str]
    ) -> None:
        """Record a message within the transaction of the change it tells of."""
        tx.execute(
            "INSERT INTO outbox (topic, data, attributes) VALUES (?, ?, ?)",
            (topic, data, json.dumps(attributes)),
        )
        self._pending = True

    def flush(self) -> None:
        """Publish what is recorded; call it after the transaction, from any thread.

        A message that its topic refuses, or whose topic is gone, is dropped, as Google drops it:
        the change it tells of has happened and must not fail for it.
        """
        if not self._pending:
            return
        with self._lock:
            # Within a transaction, so that nobody has added a message that is not yet to be read:
            # what is added from now on makes the next flush look again.
            with self._database.write():
                self._pending = False
            while rows := self._database.read(
                "SELECT * FROM outbox ORDER BY sequence LIMIT ?", (_BATCH,)
            ):
                for row in rows:
                    self._publish(row)
                with self._database.write() as tx:
                    tx.execute("DELETE FROM outbox WHERE sequence <= ?", (rows[-1]["sequence"],))

    def _publish(self, row: sqlite3.Row) -> None:
        topic: str = row["topic"]
        try:
            self._publisher.publish(topic, row["data"], json.loads(row["attributes"]))
            self._failing.discard(topic)
        except GoogleError as error:
            # One line until it works again: a store may make thousands of changes an hour.
            if topic not in self._failing:
                _log.warning("Messages to %s are dropped: %s", topic, error.status)
            self._failing.add(topic)
