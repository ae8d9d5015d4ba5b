"""Models that Vertex AI passes to the container: the folder of ``AIP_STORAGE_URI``.

A container reads its artifacts as its own service account, with a token of the metadata server.
Source: https://cloud.google.com/vertex-ai/docs/predictions/custom-container-requirements#artifacts
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import urllib3

from modelserver.errors import InstanceError, StartError
from modelserver.references.fetching import Fetcher
from modelserver.registry import CARD, DESCRIPTION, WEIGHTS
from modelserver.settings import Limits

_TOKEN_PATH = "computeMetadata/v1/instance/service-accounts/default/token"  # noqa: S105 - an address
_METADATA_SECONDS = 3.0
_FILES = frozenset({CARD, DESCRIPTION, WEIGHTS})
_FILE_BYTES = 512 << 20
_JSON_BYTES = 4 << 20


def download_models(uri: str, storage: str, metadata_host: str, folder: Path) -> Path:
    """Copy the models below ``gs://bucket/prefix`` into a folder and return it.

    Parameters
    ----------
    storage
        Base URL of the Cloud Storage JSON API.
    metadata_host
        Of the metadata server; where there is none, objects are read without a token.

    Raises
    ------
    StartError
        The objects cannot be read.
    """
    bucket, _, prefix = uri.removeprefix("gs://").strip("/").partition("/")
    prefix = f"{prefix}/" if prefix else ""
    fetcher = Fetcher(Limits())
    try:
        token = _token(metadata_host)
        base = f"{storage}/storage/v1/b/{quote(bucket, safe='')}/o"
        for name in _names(fetcher, base, prefix, token):
            target = folder / name.removeprefix(prefix)
            target.parent.mkdir(parents=True, exist_ok=True)
            url = f"{base}/{quote(name, safe='')}?alt=media"
            target.write_bytes(fetcher.read(url, token, "*/*", _FILE_BYTES))
    except InstanceError as error:
        raise StartError(f"AIP_STORAGE_URI cannot be read: {error.description}") from None
    finally:
        fetcher.close()
    return folder


def _names(fetcher: Fetcher, base: str, prefix: str, token: str | None) -> Iterator[str]:
    """Yield the objects that are a file of a model: ``<prefix><model>/<file>``."""
    query = {"prefix": prefix, "fields": "items/name,nextPageToken"}
    while True:
        url = f"{base}?{urlencode(query)}"
        page: Any = json.loads(fetcher.read(url, token, "application/json", _JSON_BYTES))
        for item in page.get("items", []):
            model, _, file = item["name"].removeprefix(prefix).partition("/")
            if model not in ("", ".", "..") and file in _FILES:
                yield item["name"]
        if not (more := page.get("nextPageToken")):
            return
        query["pageToken"] = more


def _token(metadata_host: str) -> str | None:
    """Ask the metadata server, which only exists on Google Cloud.

    Source: https://cloud.google.com/compute/docs/access/authenticate-workloads
    """
    try:
        answer = urllib3.request(
            "GET",
            f"http://{metadata_host}/{_TOKEN_PATH}",
            headers={"Metadata-Flavor": "Google"},
            timeout=_METADATA_SECONDS,
            retries=False,
            redirect=False,
        )
    except urllib3.exceptions.HTTPError:
        return None
    return str(answer.json()["access_token"]) if answer.status == 200 else None
