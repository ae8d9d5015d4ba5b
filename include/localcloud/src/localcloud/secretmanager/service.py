"""Secret Manager v1 over REST, global secrets."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, ClassVar

import google_crc32c

from localcloud.contract.discovery import Contract
from localcloud.errors import GoogleError, invalid_argument
from localcloud.http.call import Call, Reply
from localcloud.http.service import HttpService, serves
from localcloud.secretmanager.store import SecretStore, unusable
from localcloud.state.database import Database

_SECRETS = "secretmanager.projects.secrets"
_MAX_PAYLOAD_BYTES = 64 << 10
_MAX_PAGE = 25_000
_CAMEL = re.compile(r"_([a-z])")


class SecretManagerService(HttpService):
    """Secrets and versions: create, read, access, enable, disable, destroy."""

    name: ClassVar[str] = "secretmanager"

    def __init__(self, database: Database) -> None:
        super().__init__(Contract("secretmanager", "v1"))
        self._store = SecretStore(database)

    @serves(f"{_SECRETS}.create")
    def create(self, call: Call) -> Reply:
        secret_id = call.query.get("secretId")
        return Reply.json(self._store.create(call.params["parent"], secret_id, call.json()))

    @serves(f"{_SECRETS}.get")
    def get(self, call: Call) -> Reply:
        return Reply.json(self._store.get(call.params["name"]))

    @serves(f"{_SECRETS}.list")
    def list(self, call: Call) -> Reply:
        _refuse_filter(call)
        limit, token = _page(call)
        found = self._store.page(call.params["parent"], token, limit + 1)
        answer: dict[str, Any] = {"secrets": found[:limit]}
        if len(found) > limit:
            answer["nextPageToken"] = found[limit - 1]["name"]
        return Reply.json(answer)

    @serves(f"{_SECRETS}.patch")
    def patch(self, call: Call) -> Reply:
        mask = (call.query.get("updateMask") or "").split(",")
        fields = [_CAMEL.sub(lambda m: m[1].upper(), field.strip()) for field in mask]
        return Reply.json(self._store.patch(call.params["name"], call.json(), fields))

    @serves(f"{_SECRETS}.delete")
    def delete(self, call: Call) -> Reply:
        name, etag = call.params["name"], call.query.get("etag")
        if etag is not None and etag != self._store.get(name)["etag"]:
            raise _changed(name)
        self._store.delete(name)
        return Reply.json({})

    @serves(f"{_SECRETS}.addVersion")
    def add_version(self, call: Call) -> Reply:
        payload = call.json().get("payload") or {}
        data = _decode(payload.get("data"))
        checksum = payload.get("dataCrc32c")
        if checksum is not None and int(checksum) != google_crc32c.value(data):
            raise invalid_argument(
                "The checksum in dataCrc32c does not match the payload's data; send it again."
            )
        return Reply.json(self._store.add_version(call.params["parent"], data).resource())

    @serves(f"{_SECRETS}.versions.access")
    def access(self, call: Call) -> Reply:
        version = self._store.version(call.params["name"])
        if version.state != "ENABLED" or version.payload is None:
            raise unusable(version)
        payload = {
            "data": base64.b64encode(version.payload).decode(),
            "dataCrc32c": str(google_crc32c.value(version.payload)),
        }
        return Reply.json({"name": version.name, "payload": payload})

    @serves(f"{_SECRETS}.versions.get")
    def get_version(self, call: Call) -> Reply:
        return Reply.json(self._store.version(call.params["name"]).resource())

    @serves(f"{_SECRETS}.versions.list")
    def list_versions(self, call: Call) -> Reply:
        _refuse_filter(call)
        limit, token = _page(call)
        below = int(token) if token.isdigit() else None
        found = self._store.versions(call.params["parent"], below, limit + 1)
        answer: dict[str, Any] = {"versions": [version.resource() for version in found[:limit]]}
        if len(found) > limit:
            answer["nextPageToken"] = str(found[limit - 1].number)
        return Reply.json(answer)

    @serves(f"{_SECRETS}.versions.enable")
    def enable(self, call: Call) -> Reply:
        return self._set_state(call, "ENABLED")

    @serves(f"{_SECRETS}.versions.disable")
    def disable(self, call: Call) -> Reply:
        return self._set_state(call, "DISABLED")

    @serves(f"{_SECRETS}.versions.destroy")
    def destroy(self, call: Call) -> Reply:
        return self._set_state(call, "DESTROYED")

    def _set_state(self, call: Call, state: str) -> Reply:
        name, etag = call.params["name"], call.json().get("etag")
        if etag and etag != self._store.version(name).resource()["etag"]:
            raise _changed(name)
        return Reply.json(self._store.set_state(name, state).resource())


def _page(call: Call) -> tuple[int, str]:
    size = call.query.integer("pageSize") or _MAX_PAGE
    return min(size, _MAX_PAGE), call.query.get("pageToken") or ""


def _refuse_filter(call: Call) -> None:
    if call.query.get("filter"):
        raise GoogleError.of(501, "Filters on secrets are not served by the local cloud.")


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


def _changed(name: str) -> GoogleError:
    return GoogleError(
        400, "FAILED_PRECONDITION", f"The etag given is not that of {name}; read it again."
    )
