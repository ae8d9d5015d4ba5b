"""What a server that runs for long must not gather: descriptors, names, bytes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
import requests
from tests.contract.hostile.server import BUCKET, Server

README = "include/localcloud/README.md#bad-input"
BATCH = "https://cloud.google.com/storage/docs/batch"
_MIB = 1 << 20
_BODY_MIB = 400
_OPERATIONS = 40


def _descriptors(server: Server) -> int:
    return len(os.listdir(f"/proc/{server.cloud.process.pid}/fd"))


def _delete_resources(server: Server, times: int) -> None:
    """Run operations, each waited for."""
    store = server.fhir.base.rpartition("/fhir")[0]
    destination = {"gcsDestination": {"uriPrefix": f"gs://{BUCKET}/deleted"}, "validateOnly": True}
    for _ in range(times):
        answer = requests.post(f"{store}:bulkDelete", json=destination, timeout=10)
        operation = f"{server.cloud.healthcare}/v1/{answer.json()['name']}"
        while not requests.get(operation, timeout=10).json().get("done"):
            pass


@pytest.mark.rule("localcloud.hostile.descriptors", README)
def test_operations_leave_no_open_files_behind(server: Server) -> None:
    _delete_resources(server, 5)
    before = _descriptors(server)
    _delete_resources(server, _OPERATIONS)
    assert _descriptors(server) < before + _OPERATIONS


@pytest.mark.rule("localcloud.hostile.call-counts", README)
def test_calls_of_what_is_no_method_are_not_counted(server: Server) -> None:
    with grpc.insecure_channel(server.cloud.pubsub) as channel:
        unknown = channel.unary_unary("/google.pubsub.v1.Publisher/NoSuchMethod")
        with pytest.raises(grpc.RpcError) as refused:
            unknown(b"", timeout=10)
    assert _code(refused.value) == grpc.StatusCode.UNIMPLEMENTED
    assert not [name for name in server.cloud.admin("GET", "calls") if "NoSuchMethod" in name]


@pytest.mark.rule("localcloud.hostile.json.memory", README)
@pytest.mark.parametrize(
    "path",
    ["/storage/v1/b?project=hostile", "/batch/storage/v1", "/v1/projects/p/locations/l/datasets"],
)
def test_a_huge_body_is_refused_without_being_read(server: Server, path: str) -> None:
    server.forget_peak()
    before = server.peak_bytes()
    headers = {"Content-Type": "multipart/mixed; boundary=b"}
    answer = requests.post(server.cloud.storage + path, data=_zeros(), headers=headers, timeout=60)
    assert answer.status_code == 400
    assert server.peak_bytes() - before < _BODY_MIB * _MIB // 4


@pytest.mark.rule("storage.batch.malformed", BATCH)
def test_a_batch_names_urls(server: Server) -> None:
    assert _batch(server, "GET http://[ HTTP/1.1").status_code == 400


@pytest.mark.rule("storage.batch.content", f"{BATCH}#limitations")
def test_a_batch_answers_no_content_of_any_size(server: Server) -> None:
    assert server.upload("large", bytes(32 * _MIB)).ok
    answer = _batch(server, f"GET /{BUCKET}/large HTTP/1.1")
    assert b"HTTP/1.1 400" in answer.content
    assert len(answer.content) < _MIB


def _batch(server: Server, call: str) -> requests.Response:
    return requests.post(
        f"{server.cloud.storage}/batch/storage/v1",
        data=f"--b\r\nContent-Type: application/http\r\n\r\n{call}\r\n\r\n\r\n--b--\r\n",
        headers={"Content-Type": "multipart/mixed; boundary=b"},
        timeout=10,
    )


def _zeros() -> Iterator[bytes]:
    return (bytes(_MIB) for _ in range(_BODY_MIB))


def _code(error: Any) -> Any:
    return error.code()
