"""Secret Manager v1 over REST, global secrets."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, ClassVar

import google_crc32c

from localcloud.auth.caller import current
from localcloud.bodies import message_of
from localcloud.contract.discovery import Contract
from localcloud.errors import invalid_argument
from localcloud.filtering import compile_filter
from localcloud.http.call import Call, Reply
from localcloud.http.service import HttpService, serves
from localcloud.notify import Publisher, TopicLookup
from localcloud.paging import page
from localcloud.policies import Policies
from localcloud.secretmanager.notifications import Notifications
from localcloud.secretmanager.store import SecretStore, unusable
from localcloud.state.database import Database
from localcloud.state.outbox import Outbox

Json = dict[str, Any]

_SECRETS = "secretmanager.projects.secrets"
_MAX_PAYLOAD_BYTES = 64 << 10
_MAX_PAGE = 25_000
_SNAKE = re.compile(r"_([a-z])")
_SECRET_FIELDS = frozenset(
    {"annotations", "createTime", "expireTime", "labels", "name", "replication", "topics"}
)
_VERSION_FIELDS = frozenset({"createTime", "destroyTime", "name", "state"})


class SecretManagerService(HttpService):
    """Secrets and versions: create, read, access, enable, disable, destroy.

    Parameters
    ----------
    publisher, topic_exists
        Where the notifications of secrets with topics go.
    """

    name: ClassVar[str] = "secretmanager"

    def __init__(self, database: Database, publisher: Publisher, topic_exists: TopicLookup) -> None:
        super().__init__(Contract("secretmanager", "v1"))
        self._policies = Policies(database)
        notifications = Notifications(Outbox(database, publisher), topic_exists)
        self._store = SecretStore(database, notifications)
        notifications.flush()

    @serves(f"{_SECRETS}.create")
    def create(self, call: Call) -> Reply:
        secret_id = call.query.get("secretId")
        return Reply.json(self._store.create(call.params["parent"], secret_id, message_of(call)))

    @serves(f"{_SECRETS}.get")
    def get(self, call: Call) -> Reply:
        return Reply.json(self._store.get(call.params["name"]))

    @serves(f"{_SECRETS}.list")
    def list(self, call: Call) -> Reply:
        found = self._store.of_project(call.params["parent"])
        return _listed(call, "secrets", found, _SECRET_FIELDS)

    @serves(f"{_SECRETS}.patch")
    def patch(self, call: Call) -> Reply:
        fields = [_camel(f) for f in (call.query.get("updateMask") or "").split(",") if f.strip()]
        if not fields:
            raise invalid_argument("updateMask is required; name the fields to change.")
        return Reply.json(self._store.patch(call.params["name"], message_of(call), fields))

    @serves(f"{_SECRETS}.delete")
    def delete(self, call: Call) -> Reply:
        self._store.delete(call.params["name"], call.query.get("etag"))
        return Reply.json({})

    @serves(f"{_SECRETS}.addVersion")
    def add_version(self, call: Call) -> Reply:
        payload = message_of(call).get("payload") or {}
        data = _decode(payload.get("data"))
        checksum = payload.get("dataCrc32c")
        if checksum is not None and str(checksum) != str(google_crc32c.value(data)):
            raise invalid_argument(
                "The checksum in dataCrc32c does not match the payload's data; send it again."
            )
        added = self._store.add_version(call.params["parent"], data, checksum is not None)
        return Reply.json(added)

    @serves(f"{_SECRETS}.versions.access")
    def access(self, call: Call) -> Reply:
        version, _ = self._store.version(call.params["name"])
        if version.state != "ENABLED" or version.payload is None:
            raise unusable(version)
        payload = {
            "data": base64.b64encode(version.payload).decode(),
            "dataCrc32c": str(google_crc32c.value(version.payload)),
        }
        return Reply.json({"name": version.name, "payload": payload})

    @serves(f"{_SECRETS}.versions.get")
    def get_version(self, call: Call) -> Reply:
        return Reply.json(self._store.version(call.params["name"])[1])

    @serves(f"{_SECRETS}.versions.list")
    def list_versions(self, call: Call) -> Reply:
        found = self._store.versions(call.params["parent"])
        return _listed(call, "versions", found, _VERSION_FIELDS)

    @serves(f"{_SECRETS}.versions.enable")
    def enable(self, call: Call) -> Reply:
        return Reply.json(self._store.enable(call.params["name"], message_of(call).get("etag")))

    @serves(f"{_SECRETS}.versions.disable")
    def disable(self, call: Call) -> Reply:
        return Reply.json(self._store.disable(call.params["name"], message_of(call).get("etag")))

    @serves(f"{_SECRETS}.versions.destroy")
    def destroy(self, call: Call) -> Reply:
        return Reply.json(self._store.destroy(call.params["name"], message_of(call).get("etag")))

    @serves(f"{_SECRETS}.getIamPolicy")
    def get_policy(self, call: Call) -> Reply:
        self._store.get(call.params["resource"])
        return Reply.json(self._policies.get(call.params["resource"]))

    @serves(f"{_SECRETS}.setIamPolicy")
    def set_policy(self, call: Call) -> Reply:
        resource = call.params["resource"]
        self._store.get(resource)
        return Reply.json(self._policies.set(resource, message_of(call).get("policy") or {}))

    @serves(f"{_SECRETS}.testIamPermissions")
    def test_permissions(self, call: Call) -> Reply:
        resource = call.params["resource"]
        granted = current().permitted(message_of(call).get("permissions") or [], resource)
        return Reply.json({"permissions": granted} if granted else {})


def _listed(call: Call, kind: str, items: list[Json], fields: frozenset[str]) -> Reply:
    """Answer one page of what a filter lets through; the whole count only without a filter.

    Source: https://cloud.google.com/secret-manager/docs/filtering
    """
    text = call.query.get("filter")
    passes = compile_filter(text, fields, bare="name")
    found = [item for item in items if passes(item)]
    shown, more = page(call, found, lambda item: str(item["name"]), _MAX_PAGE, _MAX_PAGE)
    total = {} if text or not items else {"totalSize": len(items)}
    return Reply.json({**({kind: shown} if shown else {}), **more, **total})


def _camel(path: str) -> str:
    """Return a mask's path with its field in camel case; keys of maps are what they are."""
    root, dot, key = path.strip().partition(".")
    return f"{_SNAKE.sub(lambda match: match[1].upper(), root)}{dot}{key}"


def _decode(data: object) -> bytes:
    if not isinstance(data, str) or not data:
        raise invalid_argument("Field 'payload.data' is required.")
    try:
        # proto3 JSON allows the URL-safe alphabet as well.
        decoded = base64.b64decode(data.replace("-", "+").replace("_", "/"), validate=True)
    except binascii.Error as error:
        raise invalid_argument(f"Field 'payload.data' is not base64: {error}.") from error
    if len(decoded) > _MAX_PAYLOAD_BYTES:
        raise invalid_argument(
            f"The secret payload of {len(decoded)} bytes exceeds {_MAX_PAYLOAD_BYTES} bytes."
        )
    return decoded
