"""Faults on demand, over HTTP and gRPC, as the clients see them."""

from __future__ import annotations

import queue
import time
import urllib.error
from typing import Any

import grpc
import pytest
import requests
from google.api_core import exceptions
from google.cloud import pubsub_v1, storage
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
from tests.contract.conftest import PROJECT, RunningCloud

README = "include/localcloud/README.md#faults"
pytestmark = pytest.mark.usefixtures("no_faults")


@pytest.fixture
def publisher(cloud: RunningCloud) -> Any:
    with grpc.insecure_channel(cloud.pubsub) as channel:
        yield pubsub_v1.PublisherClient(transport=PublisherGrpcTransport(channel=channel))


@pytest.mark.rule("localcloud.faults.status", README)
def test_two_503_then_fine_is_bridged_by_the_client(
    cloud: RunningCloud, bucket: storage.Bucket
) -> None:
    bucket.blob("o").upload_from_string(b"x")
    before = cloud.calls("storage.objects.get")
    cloud.fault("storage.objects.get", status=503, times=2)
    assert bucket.blob("o").download_as_bytes() == b"x"
    assert cloud.calls("storage.objects.get") == before + 3


@pytest.mark.rule("storage.retry", "https://cloud.google.com/storage/docs/retry-strategy")
@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_fault_has_the_shape_of_the_service(
    cloud: RunningCloud, bucket: storage.Bucket, status: int
) -> None:
    cloud.fault("storage.objects.insert", status=status)
    with pytest.raises(exceptions.GoogleAPICallError, match="Fault injected") as caught:
        bucket.blob("o").upload_from_string(b"x", retry=None)
    assert caught.value.code == status
    assert not bucket.blob("o").exists()


@pytest.mark.rule("localcloud.faults.drop", README)
def test_a_dropped_call_did_not_happen(cloud: RunningCloud, bucket: storage.Bucket) -> None:
    cloud.fault("storage.objects.insert", drop=True)
    with pytest.raises(requests.ConnectionError):
        bucket.blob("o").upload_from_string(b"x", retry=None)
    assert not bucket.blob("o").exists()


@pytest.mark.rule("localcloud.faults.after", README)
def test_a_lost_answer_leaves_its_effect(cloud: RunningCloud, bucket: storage.Bucket) -> None:
    cloud.fault("storage.objects.insert", drop=True, after=True)
    with pytest.raises(requests.ConnectionError):
        bucket.blob("o").upload_from_string(b"x", retry=None)
    assert bucket.blob("o").download_as_bytes() == b"x"


@pytest.mark.rule("localcloud.faults.delay", README)
def test_a_delay_holds_one_call_and_no_other(cloud: RunningCloud, bucket: storage.Bucket) -> None:
    cloud.fault("storage.objects.list", delay_seconds=0.4)
    for expected in (True, False):
        start = time.monotonic()
        list(bucket.list_blobs())
        assert (time.monotonic() - start > 0.39) is expected


@pytest.mark.rule("localcloud.faults.batch", README)
def test_a_fault_reaches_a_call_inside_a_batch(
    cloud: RunningCloud, bucket: storage.Bucket, storage_client: storage.Client
) -> None:
    for name in "ab":
        bucket.blob(name).upload_from_string(b"x")
    cloud.fault("storage.objects.delete", status=503)
    with pytest.raises(exceptions.ServiceUnavailable), storage_client.batch():
        bucket.delete_blobs(["a", "b"])
    assert [blob.name for blob in bucket.list_blobs()] == ["a"]


@pytest.mark.rule("localcloud.faults.grpc", README)
@pytest.mark.parametrize(
    ("effect", "expected"),
    [
        ({"status": 503}, exceptions.ServiceUnavailable),
        ({"status": 429}, exceptions.ResourceExhausted),
        ({"status": 500}, exceptions.InternalServerError),
        ({"status": 504}, exceptions.DeadlineExceeded),
        ({"drop": True}, exceptions.ServiceUnavailable),
        ({"status": 503, "after": True}, exceptions.ServiceUnavailable),
    ],
)
def test_a_grpc_method_fails_with_the_code_of_the_status(
    cloud: RunningCloud, publisher: Any, effect: dict[str, Any], expected: type[Exception]
) -> None:
    path = f"projects/{PROJECT}/topics/fault-{abs(hash(str(effect)))}"
    cloud.fault("pubsub.Publisher.CreateTopic", **effect)
    with pytest.raises(expected):
        publisher.create_topic(name=path, retry=None)
    exists = any(
        topic.name == path for topic in publisher.list_topics(project=f"projects/{PROJECT}")
    )
    assert exists is bool(effect.get("after"))


@pytest.mark.rule("localcloud.faults.grpc", README)
def test_a_broken_stream_is_opened_again_by_the_client(cloud: RunningCloud, publisher: Any) -> None:
    topic, subscription = (
        f"projects/{PROJECT}/{kind}/broken" for kind in ("topics", "subscriptions")
    )
    publisher.create_topic(name=topic)
    received: queue.Queue[bytes] = queue.Queue()
    with grpc.insecure_channel(cloud.pubsub) as channel:
        subscriber = pubsub_v1.SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))
        subscriber.create_subscription(name=subscription, topic=topic)
        cloud.fault("pubsub.Subscriber.StreamingPull", status=503)

        def keep(message: Any) -> None:
            received.put(message.data)
            message.ack()

        stream = subscriber.subscribe(subscription, keep)
        publisher.publish(topic, b"after the break").result(timeout=10)
        assert received.get(timeout=20) == b"after the break"
        stream.cancel()
        stream.result(timeout=10)
    assert cloud.admin("GET", "faults") == []


@pytest.mark.rule("localcloud.faults.rules", README)
def test_rules_are_listed_spent_and_cleared(cloud: RunningCloud, bucket: storage.Bucket) -> None:
    cloud.fault("storage.objects.*", status=503, times=2)
    cloud.fault("storage.*", delay_seconds=0.01, times=0)
    with pytest.raises(exceptions.ServiceUnavailable):
        bucket.blob("o").upload_from_string(b"x", retry=None)
    assert cloud.admin("GET", "faults") == [
        {"method": "storage.objects.*", "status": 503, "times": 1},
        {"method": "storage.*", "delay_seconds": 0.01, "times": 0},
    ]
    assert cloud.admin("DELETE", "faults") == []
    bucket.blob("o").upload_from_string(b"x", retry=None)


@pytest.mark.rule("localcloud.faults.rules", README)
@pytest.mark.parametrize(
    "rule",
    [
        {"status": 503},
        {"method": "*"},
        {"method": "storage.object.insert", "status": 503},
        {"method": "*", "status": 200},
        {"method": "*", "status": 503, "drop": True},
        {"method": "*", "status": 503, "tmies": 2},
        {"method": "*", "delay_seconds": -1},
        {"method": "*", "status": 503, "times": -1},
        "storage",
    ],
)
def test_a_rule_that_cannot_work_is_refused(cloud: RunningCloud, rule: Any) -> None:
    with pytest.raises(urllib.error.HTTPError, match="400"):
        cloud.admin("POST", "faults", rule)
    assert cloud.admin("GET", "faults") == []
