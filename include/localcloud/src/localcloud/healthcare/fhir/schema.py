"""The tables of FHIR stores: resources, versions, search index, references, messages, exports.

A step that was ever released is never edited: add one.
"""

from __future__ import annotations

MIGRATIONS = (
    """
    CREATE TABLE fhir_resource (
      key INTEGER PRIMARY KEY, store TEXT NOT NULL, type TEXT NOT NULL, id TEXT NOT NULL,
      version INTEGER NOT NULL, deleted INTEGER NOT NULL, body TEXT NOT NULL,
      UNIQUE (store, type, id));
    CREATE INDEX fhir_resource_newest ON fhir_resource (store, type, deleted, version);
    CREATE TABLE fhir_version (
      resource INTEGER NOT NULL REFERENCES fhir_resource ON DELETE CASCADE,
      version INTEGER NOT NULL, verb TEXT NOT NULL, status TEXT NOT NULL, body TEXT NOT NULL,
      PRIMARY KEY (resource, version)) WITHOUT ROWID;
    CREATE TABLE fhir_index (
      resource INTEGER NOT NULL REFERENCES fhir_resource ON DELETE CASCADE,
      parameter TEXT NOT NULL, system TEXT, value TEXT, low REAL, high REAL);
    CREATE INDEX fhir_index_value ON fhir_index (parameter, value);
    CREATE INDEX fhir_index_low ON fhir_index (parameter, low);
    CREATE INDEX fhir_index_resource ON fhir_index (resource, parameter);
    CREATE TABLE fhir_reference (
      resource INTEGER NOT NULL REFERENCES fhir_resource ON DELETE CASCADE, target TEXT NOT NULL);
    CREATE INDEX fhir_reference_target ON fhir_reference (target);
    CREATE INDEX fhir_reference_resource ON fhir_reference (resource);
    CREATE TABLE fhir_outbox (
      key INTEGER PRIMARY KEY, topic TEXT NOT NULL, data BLOB NOT NULL, attributes TEXT NOT NULL)
    """,
    # A search index that lags: a row that was replaced stays, with its index, until its successor
    # may be seen. Times are microseconds since 1970; see `lag.py`.
    """
    CREATE TABLE fhir_state (
      key INTEGER PRIMARY KEY, store TEXT NOT NULL, type TEXT NOT NULL, id TEXT NOT NULL,
      version INTEGER NOT NULL, deleted INTEGER NOT NULL, body TEXT NOT NULL,
      visible_at INTEGER NOT NULL, replaced_at INTEGER, hidden_at INTEGER);
    INSERT INTO fhir_state
      SELECT key, store, type, id, version, deleted, body, version, NULL, NULL FROM fhir_resource;
    CREATE TABLE fhir_state_version (
      resource INTEGER NOT NULL REFERENCES fhir_state ON DELETE CASCADE,
      version INTEGER NOT NULL, verb TEXT NOT NULL, status TEXT NOT NULL, body TEXT NOT NULL,
      PRIMARY KEY (resource, version)) WITHOUT ROWID;
    INSERT INTO fhir_state_version SELECT * FROM fhir_version;
    CREATE TABLE fhir_state_index (
      resource INTEGER NOT NULL REFERENCES fhir_state ON DELETE CASCADE,
      parameter TEXT NOT NULL, system TEXT, value TEXT, low REAL, high REAL,
      place INTEGER NOT NULL);
    INSERT INTO fhir_state_index SELECT *, -1 FROM fhir_index;
    CREATE TABLE fhir_state_reference (
      resource INTEGER NOT NULL REFERENCES fhir_state ON DELETE CASCADE, target TEXT NOT NULL);
    INSERT INTO fhir_state_reference SELECT * FROM fhir_reference;
    DROP TABLE fhir_version;
    DROP TABLE fhir_index;
    DROP TABLE fhir_reference;
    DROP TABLE fhir_resource;
    ALTER TABLE fhir_state RENAME TO fhir_resource;
    ALTER TABLE fhir_state_version RENAME TO fhir_version;
    ALTER TABLE fhir_state_index RENAME TO fhir_index;
    ALTER TABLE fhir_state_reference RENAME TO fhir_reference;
    CREATE UNIQUE INDEX fhir_resource_current ON fhir_resource (store, type, id)
      WHERE replaced_at IS NULL;
    CREATE INDEX fhir_resource_replaced ON fhir_resource (store, type, id)
      WHERE replaced_at IS NOT NULL;
    CREATE INDEX fhir_resource_newest ON fhir_resource (store, type, deleted, version);
    CREATE INDEX fhir_index_value ON fhir_index (parameter, value);
    CREATE INDEX fhir_index_low ON fhir_index (parameter, low);
    CREATE INDEX fhir_index_resource ON fhir_index (resource, parameter);
    CREATE INDEX fhir_reference_target ON fhir_reference (target);
    CREATE INDEX fhir_reference_resource ON fhir_reference (resource)
    """,
    """
    CREATE TABLE fhir_bulk_export (
      operation TEXT PRIMARY KEY, store TEXT NOT NULL, manifest TEXT NOT NULL)
    """,
    # The outbox that all of the Healthcare API shares; see `state/outbox.py`.
    """
    INSERT INTO outbox (topic, data, attributes)
      SELECT topic, data, attributes FROM fhir_outbox ORDER BY key;
    DROP TABLE fhir_outbox
    """,
)
