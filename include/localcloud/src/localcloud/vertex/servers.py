"""Model servers: which local server stands in for a container image.

The local cloud runs no containers. A server that is started beside it and speaks the contract of
custom containers is registered under the image's URI.
Source: https://cloud.google.com/vertex-ai/docs/predictions/custom-container-requirements
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from localcloud.errors import invalid_argument, not_found
from localcloud.http.call import Call, Reply
from localcloud.state.database import Database

_STEPS = ("CREATE TABLE model_servers (image TEXT PRIMARY KEY, url TEXT NOT NULL)",)
_PATH = "/model-servers"


class ModelServers:
    """Registered servers by image; those given at the start come before those added later.

    Parameters
    ----------
    given
        Image URI to base URL, as on the command line; in force for this run only.
    """

    def __init__(self, database: Database, given: Mapping[str, str]) -> None:
        database.migrate("vertex.model_servers", _STEPS)
        self._database = database
        self._given = {image: checked_url(url) for image, url in given.items()}

    def all(self) -> dict[str, str]:
        """Return every registration, image to URL."""
        rows = self._database.read("SELECT image, url FROM model_servers ORDER BY image")
        return {**{row["image"]: row["url"] for row in rows}, **self._given}

    def url_of(self, image: str) -> str | None:
        """Return the server of an image; one registered without a tag serves every tag."""
        known = self.all()
        untagged = image.partition("@")[0]
        if ":" in untagged.rpartition("/")[2]:
            untagged = untagged.rpartition(":")[0]
        return known.get(image) or known.get(untagged)

    def put(self, image: object, url: object) -> None:
        """Register a server; an image that has one gets the new one.

        Raises
        ------
        GoogleError
            400 when the image is empty or the URL is not ``http://host[:port]``.
        """
        if not isinstance(image, str) or not image:
            raise invalid_argument('A model server needs an "image", the URI of containerSpec.')
        with self._database.write() as tx:
            tx.execute(
                "INSERT OR REPLACE INTO model_servers VALUES (?, ?)", (image, checked_url(url))
            )

    def remove(self, image: str) -> None:
        """Drop a registration, or raise 404."""
        given = self._given.pop(image, None)
        with self._database.write() as tx:
            found = tx.execute("DELETE FROM model_servers WHERE image = ?", (image,)).rowcount
        if not found and given is None:
            raise not_found(f"No model server is registered for {image}.")


class ModelServerAdmin:
    """``/_localcloud/model-servers``: GET lists, PUT registers, DELETE ``?image=`` removes."""

    def __init__(self, servers: ModelServers) -> None:
        self._servers = servers
        self.routes = {
            ("GET", _PATH): self._list,
            ("PUT", _PATH): self._put,
            ("DELETE", _PATH): self._delete,
        }

    def _list(self, _: Call) -> Reply:
        return Reply.json(self._servers.all())

    def _put(self, call: Call) -> Reply:
        body = call.json()
        if not isinstance(body, Mapping):
            raise invalid_argument('Give {"image": "...", "url": "http://127.0.0.1:8080"}.')
        self._servers.put(body.get("image"), body.get("url"))
        return self._list(call)

    def _delete(self, call: Call) -> Reply:
        self._servers.remove(call.query.get("image") or "")
        return self._list(call)


def checked_url(url: object) -> str:
    """Return the base URL of a model server without a slash at its end.

    Raises
    ------
    GoogleError
        400 when it is not ``http://host[:port]``.
    """
    text = url.rstrip("/") if isinstance(url, str) else ""
    try:
        parts = urlsplit(text)
        good = parts.scheme == "http" and parts.hostname and not parts.path and parts.port != 0
    except ValueError:
        good = None
    if not good:
        raise invalid_argument(f"{url!r} is not the URL of a model server; give http://host:port.")
    return text
