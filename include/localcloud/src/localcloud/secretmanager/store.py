"""Secrets and their versions, with their life: states, expiration, delayed destruction.

Source: https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from localcloud.errors import GoogleError, already_exists, invalid_argument
from localcloud.policies import forget
from localcloud.secretmanager.notifications import Notifications
from localcloud.secretmanager.records import (
    STEPS,
    Version,
    find_secret,
    find_version,
    read_version,
    shown_secret,
    write_version,
)
from localcloud.secretmanager.rules import (
    SECRET_ID,
    check_replication,
    check_secret,
    expiration,
    moment_of,
    seconds_of,
    timestamp,
)
from localcloud.state.database import Database

Json = dict[str, Any]

_MAPS = frozenset({"annotations", "labels", "versionAliases"})
_MUTABLE = _MAPS | {"expireTime", "rotation", "topics", "ttl", "versionDestroyTtl"}
_WRITABLE = _MUTABLE | {"replication"}


class SecretStore:
    """All secrets of all projects. Payloads lie unencrypted in the database file."""

    def __init__(self, database: Database, notifications: Notifications) -> None:
        database.migrate("secretmanager", STEPS)
        with database.write() as tx:
            # What is destroyed must not lie on in the free pages of the file.
            tx.execute("PRAGMA secure_delete = ON")
        self._database = database
        self._notifications = notifications

    def create(self, parent: str, secret_id: str | None, request: Mapping[str, Any]) -> Json:
        """Create a secret without versions.

        Raises
        ------
        GoogleError
            400 for a bad id or field, 404 for a topic that does not exist, 409 for a second one.
        """
        if not SECRET_ID.fullmatch(secret_id or ""):
            raise invalid_argument(
                f"Secret ID {secret_id!r} must be 1 to 255 letters, digits, '-' or '_'."
            )
        check_replication(request.get("replication"))
        name, now = f"{parent}/secrets/{secret_id}", datetime.now(UTC)
        given = {key: request[key] for key in _WRITABLE if request.get(key)}
        resource = _resolved({**given, "createTime": timestamp(now)}, now)
        check_secret(resource, (), now)
        self._notifications.check_topics(resource)
        with self._change() as tx:
            if tx.execute("SELECT 1 FROM secrets WHERE name = ?", (name,)).fetchone():
                raise already_exists(f"Secret [{name}] already exists.")
            secret = _write_secret(tx, name, resource, 1)
            self._notifications.configured(tx, secret)
            self._notifications.tell(tx, "SECRET_CREATE", secret)
        return secret

    def get(self, name: str) -> Json:
        """Return a secret, or raise 404."""
        with self._change() as tx:
            return shown_secret(name, *find_secret(tx, name))

    def of_project(self, parent: str) -> list[Json]:
        """Return a project's secrets by name."""
        start = f"{parent}/secrets/"
        with self._change() as tx:
            rows = tx.execute(
                "SELECT * FROM secrets WHERE substr(name, 1, ?) = ? ORDER BY name",
                (len(start), start),
            ).fetchall()
        return [shown_secret(r["name"], json.loads(r["resource"]), r["revision"]) for r in rows]

    def patch(self, name: str, request: Mapping[str, Any], fields: Sequence[str]) -> Json:
        """Replace the fields named; a field that is absent from the request is cleared.

        Raises
        ------
        GoogleError
            400 for a field that cannot change, a bad value or a stale etag, 404 for no secret.
        """
        now = datetime.now(UTC)
        for field in fields:
            root, _, key = field.partition(".")
            if root not in _MUTABLE or (key and root not in _MAPS):
                raise invalid_argument(f"updateMask: {field!r} cannot be changed.")
        with self._change() as tx:
            resource, revision = find_secret(tx, name)
            _check_etag(name, request.get("etag"), shown_secret(name, resource, revision))
            if {"expireTime", "ttl"} & set(fields):
                resource.pop("expireTime", None)
            changed = _resolved(_masked(resource, request, fields), now)
            numbers = [v.number for v in self._versions(tx, name)]
            check_secret(changed, numbers, now)
            self._notifications.check_topics(changed)
            secret = _write_secret(tx, name, changed, revision + 1)
            if "topics" in fields:
                self._notifications.configured(tx, secret)
            self._notifications.tell(tx, "SECRET_UPDATE", secret)
        return secret

    def delete(self, name: str, etag: str | None) -> None:
        """Remove a secret with all its versions.

        Raises
        ------
        GoogleError
            404 when there is none, 400 for a stale etag.
        """
        with self._change() as tx:
            secret = shown_secret(name, *find_secret(tx, name))
            _check_etag(name, etag, secret)
            self._remove(tx, secret, "REQUESTED")

    def add_version(self, secret: str, payload: bytes, checked: bool) -> Json:
        """Add an enabled version; numbers begin at 1 and are never used again."""
        with self._change() as tx:
            find_secret(tx, secret)
            newest = max((v.number for v in self._versions(tx, secret)), default=0)
            now = timestamp(datetime.now(UTC))
            version = Version(
                secret, newest + 1, "ENABLED", 1, now, None, payload, None, checked=checked
            )
            return self._stored(tx, version, "SECRET_VERSION_ADD")

    def version(self, name: str) -> tuple[Version, Json]:
        """Return a version by number, alias or ``latest``, also as shown, or raise 404."""
        with self._change() as tx:
            version = find_version(tx, name, by_alias=True)
            return version, _shown_version(tx, version)

    def versions(self, secret: str) -> list[Json]:
        """Return a secret's versions, newest first, or raise 404."""
        with self._change() as tx:
            replication = find_secret(tx, secret)[0]["replication"]
            found = self._versions(tx, secret)
        return [version.resource(replication) for version in reversed(found)]

    def enable(self, name: str, etag: str | None) -> Json:
        """Make a version accessible; one that is to be destroyed is kept after all."""
        return self._set_state(name, etag, "ENABLED")

    def disable(self, name: str, etag: str | None) -> Json:
        """Make a version inaccessible; one that is to be destroyed is kept after all."""
        return self._set_state(name, etag, "DISABLED")

    def destroy(self, name: str, etag: str | None) -> Json:
        """Destroy a version at once, or disable it until its secret's delay is over.

        Source: https://cloud.google.com/secret-manager/docs/delay-destruction-of-secret-versions
        """
        with self._change() as tx:
            old = self._changeable(tx, name, etag)
            delay = find_secret(tx, old.secret)[0].get("versionDestroyTtl")
            if delay is None:
                return self._stored(tx, _destroyed(old), "SECRET_VERSION_DESTROY")
            due = datetime.now(UTC) + timedelta(seconds=seconds_of(delay, "version_destroy_ttl"))
            scheduled = replace(old, state="DISABLED", scheduled=timestamp(due))
            return self._stored(tx, scheduled, "SECRET_VERSION_DESTROY_SCHEDULED")

    def _set_state(self, name: str, etag: str | None, state: str) -> Json:
        with self._change() as tx:
            old = self._changeable(tx, name, etag)
            event = f"SECRET_VERSION_{state.removesuffix('D')}"
            return self._stored(tx, replace(old, state=state, scheduled=None), event)

    def _changeable(self, tx: sqlite3.Connection, name: str, etag: str | None) -> Version:
        """Return a version under its next revision, so that its etag changes whatever else does."""
        old = find_version(tx, name, by_alias=False)
        _check_etag(name, etag, _shown_version(tx, old))
        if old.state == "DESTROYED":
            raise unusable(old)
        return replace(old, revision=old.revision + 1)

    def _stored(self, tx: sqlite3.Connection, version: Version, event: str) -> Json:
        write_version(tx, version)
        secret = shown_secret(version.secret, *find_secret(tx, version.secret))
        shown = version.resource(secret["replication"])
        self._notifications.tell(tx, event, secret, shown)
        return shown

    def _remove(self, tx: sqlite3.Connection, secret: Json, why: str) -> None:
        tx.execute("DELETE FROM secrets WHERE name = ?", (secret["name"],))
        forget(tx, secret["name"])
        self._notifications.tell(tx, "SECRET_DELETE", secret, deleteType=why)

    def _versions(self, tx: sqlite3.Connection, secret: str) -> list[Version]:
        rows = tx.execute("SELECT * FROM versions WHERE secret = ? ORDER BY number", (secret,))
        return [read_version(row) for row in rows]

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        """Hold a transaction that sees nothing whose time is over; then publish what it told."""
        with self._database.write() as tx:
            self._end_what_is_due(tx)
        try:
            with self._database.write() as tx:
                yield tx
        finally:
            self._notifications.flush()

    def _end_what_is_due(self, tx: sqlite3.Connection) -> None:
        now = datetime.now(UTC)
        due = "SELECT * FROM secrets WHERE expires <= ?"
        for row in tx.execute(due, (now.timestamp(),)).fetchall():
            resource = json.loads(row["resource"])
            self._remove(tx, shown_secret(row["name"], resource, row["revision"]), "EXPIRATION")
        due = "SELECT * FROM versions WHERE scheduled <= ?"
        for row in tx.execute(due, (timestamp(now),)).fetchall():
            self._stored(tx, _destroyed(read_version(row)), "SECRET_VERSION_DESTROY")


def unusable(version: Version) -> GoogleError:
    """400 for a version that is disabled or destroyed."""
    return GoogleError(
        400,
        "FAILED_PRECONDITION",
        f"Secret Version [{version.name}] is in {version.state} state.",
    )


def _destroyed(version: Version) -> Version:
    now = timestamp(datetime.now(UTC))
    return replace(version, state="DESTROYED", payload=None, destroyed=now, scheduled=None)


def _shown_version(tx: sqlite3.Connection, version: Version) -> Json:
    return version.resource(find_secret(tx, version.secret)[0]["replication"])


def _check_etag(name: str, given: object, current: Json) -> None:
    if given and given != current["etag"]:
        raise GoogleError(
            400, "FAILED_PRECONDITION", f"The etag given is not that of [{name}]; read it again."
        )


def _masked(resource: Json, request: Mapping[str, Any], fields: Sequence[str]) -> Json:
    changed = dict(resource)
    for field in fields:
        root, _, key = field.partition(".")
        value = request.get(root)
        if key:
            entries = {**changed.get(root, {}), key: (value or {}).get(key)}
            value = {name: entry for name, entry in entries.items() if entry is not None}
        changed[root] = value
    return {name: value for name, value in changed.items() if value not in (None, {}, [])}


def _resolved(resource: Json, now: datetime) -> Json:
    """Turn a ttl into the time that is shown, and alias targets into the strings of int64."""
    if "ttl" in resource or "expireTime" in resource:
        moment = expiration(resource, now)
        resource = {k: v for k, v in resource.items() if k not in ("ttl", "expireTime")}
        resource["expireTime"] = moment
    if "versionAliases" in resource:
        aliases = {alias: str(number) for alias, number in resource["versionAliases"].items()}
        resource["versionAliases"] = aliases
    return resource


def _write_secret(tx: sqlite3.Connection, name: str, resource: Json, revision: int) -> Json:
    expires = None
    if moment := resource.get("expireTime"):
        expires = moment_of(moment, "expire_time").timestamp()
    # Not REPLACE: it would delete the row first, and the versions with it.
    tx.execute(
        "INSERT INTO secrets VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
        " revision = excluded.revision, resource = excluded.resource, expires = excluded.expires",
        (name, revision, json.dumps(resource), expires),
    )
    return shown_secret(name, resource, revision)
