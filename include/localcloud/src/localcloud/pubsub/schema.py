"""The tables of Pub/Sub.

A delivery is one message owed to one subscription. It is deliverable when it is not leased and
`available_at` has come; while it is leased, `available_at` is the end of the lease. Time is
therefore data, not a timer, and a restart has nothing to rebuild. Times are seconds since 1970.
A message goes with its last delivery, unless its topic or a snapshot keeps it.
"""

from localcloud.state.database import Database

_FIRST = """
CREATE TABLE pubsub_topics (
    name TEXT PRIMARY KEY,
    body BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE pubsub_subscriptions (
    name TEXT PRIMARY KEY,
    topic TEXT NOT NULL,
    body BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX pubsub_subscriptions_by_topic ON pubsub_subscriptions (topic, name);

CREATE TABLE pubsub_messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    body BLOB NOT NULL,
    published_at REAL NOT NULL
);
CREATE INDEX pubsub_messages_by_time ON pubsub_messages (published_at);

CREATE TABLE pubsub_deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    subscription TEXT NOT NULL,
    message_id INTEGER NOT NULL,
    ordering_key TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    lease_number INTEGER NOT NULL DEFAULT 0,
    leased INTEGER NOT NULL DEFAULT 0,
    available_at REAL NOT NULL
);
CREATE INDEX pubsub_deliveries_by_time
    ON pubsub_deliveries (subscription, leased, available_at, message_id);
CREATE INDEX pubsub_deliveries_by_order
    ON pubsub_deliveries (subscription, leased, message_id);
CREATE INDEX pubsub_deliveries_by_key
    ON pubsub_deliveries (subscription, ordering_key, leased, message_id)
    WHERE ordering_key != '';
CREATE INDEX pubsub_deliveries_by_lease ON pubsub_deliveries (available_at) WHERE leased = 1;
CREATE INDEX pubsub_deliveries_by_message ON pubsub_deliveries (message_id);

CREATE TRIGGER pubsub_last_delivery AFTER DELETE ON pubsub_deliveries
WHEN NOT EXISTS (SELECT 1 FROM pubsub_deliveries WHERE message_id = old.message_id)
BEGIN
    DELETE FROM pubsub_messages WHERE id = old.message_id;
END;
"""

_SECOND = """
ALTER TABLE pubsub_subscriptions ADD COLUMN detached INTEGER NOT NULL DEFAULT 0;

ALTER TABLE pubsub_messages ADD COLUMN topic TEXT NOT NULL DEFAULT '';
ALTER TABLE pubsub_messages ADD COLUMN ordering_key TEXT NOT NULL DEFAULT '';
ALTER TABLE pubsub_messages ADD COLUMN size_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE pubsub_messages ADD COLUMN kept_until REAL NOT NULL DEFAULT 0;
CREATE INDEX pubsub_messages_by_topic ON pubsub_messages (topic, published_at);
CREATE INDEX pubsub_messages_kept ON pubsub_messages (kept_until) WHERE kept_until > 0;

ALTER TABLE pubsub_deliveries ADD COLUMN published_at REAL NOT NULL DEFAULT 0;
UPDATE pubsub_deliveries SET published_at =
    (SELECT published_at FROM pubsub_messages WHERE id = message_id);

CREATE TABLE pubsub_snapshots (
    name TEXT PRIMARY KEY,
    topic TEXT NOT NULL,
    body BLOB NOT NULL,
    last_message_id INTEGER NOT NULL,
    expire_at REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX pubsub_snapshots_by_topic ON pubsub_snapshots (topic, name);

CREATE TABLE pubsub_snapshot_messages (
    snapshot TEXT NOT NULL,
    message_id INTEGER NOT NULL,
    PRIMARY KEY (snapshot, message_id)
) WITHOUT ROWID;
CREATE INDEX pubsub_snapshot_messages_by_message ON pubsub_snapshot_messages (message_id);

CREATE TABLE pubsub_policies (
    resource TEXT PRIMARY KEY,
    body BLOB NOT NULL
) WITHOUT ROWID;

DROP TRIGGER pubsub_last_delivery;
CREATE TRIGGER pubsub_last_delivery AFTER DELETE ON pubsub_deliveries
WHEN NOT EXISTS (SELECT 1 FROM pubsub_deliveries WHERE message_id = old.message_id)
BEGIN
    DELETE FROM pubsub_messages WHERE id = old.message_id AND kept_until = 0
    AND NOT EXISTS (SELECT 1 FROM pubsub_snapshot_messages WHERE message_id = old.message_id);
END;
CREATE TRIGGER pubsub_last_snapshot AFTER DELETE ON pubsub_snapshot_messages
WHEN NOT EXISTS (SELECT 1 FROM pubsub_snapshot_messages WHERE message_id = old.message_id)
BEGIN
    DELETE FROM pubsub_messages WHERE id = old.message_id AND kept_until = 0
    AND NOT EXISTS (SELECT 1 FROM pubsub_deliveries WHERE message_id = old.message_id);
END;
"""

AVAILABLE, LEASED, ACKNOWLEDGED = 0, 1, 2
"""Values of `leased`; acknowledged deliveries stay where a subscription retains them."""


def migrate(database: Database) -> None:
    """Bring the tables to their newest version."""
    database.migrate("pubsub", [_FIRST, _SECOND])
