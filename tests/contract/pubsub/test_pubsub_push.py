"""Push: messages posted to a real HTTP server, and what its answers mean."""

from __future__ import annotations

import base64
import itertools
import json
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.api_core import exceptions
from google.protobuf.field_mask_pb2 import FieldMask
from tests.contract.pubsub.clients import Clients, data_of, eventually
from tests.contract.pubsub.endpoint import Endpoint, Received, endpoint

PUSH = "https://cloud.google.com/pubsub/docs/push"
UNWRAPPING = "https://cloud.google.com/pubsub/docs/payload-unwrapping"
AUTHENTICATION = "https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions"
CONFIG = "https://cloud.google.com/pubsub/docs/reference/rpc/google.pubsub.v1#pushconfig"
RETRY = "https://cloud.google.com/pubsub/docs/handling-failures"
ORDERING = "https://cloud.google.com/pubsub/docs/ordering"
DEAD_LETTER = "https://cloud.google.com/pubsub/docs/dead-letter-topics"
EXACTLY_ONCE = "https://cloud.google.com/pubsub/docs/exactly-once-delivery"


def pushed(pubsub: Clients, topic: str, server: Endpoint, **settings: Any) -> str:
    config = {"push_endpoint": server.url, **settings.pop("push_config", {})}
    return pubsub.subscription(topic, push_config=config, **settings)


@pytest.mark.rule("pubsub.push.wrapped", f"{PUSH}#receive_push")
def test_a_message_is_posted_wrapped_in_json(pubsub: Clients) -> None:
    topic = pubsub.topic()
    with endpoint() as server:
        subscription = pushed(pubsub, topic, server)
        [message_id] = pubsub.publish(topic, b"hello", key="k", modality="CT")
        assert eventually(lambda: len(server.requests) == 1)
        [request] = server.requests
        assert request.path == "/push"
        assert request.headers["Content-Type"] == "application/json"
        message = request.envelope["message"]
        published = message.pop("publishTime")
        assert published.endswith("Z")
        assert len(published) == len("2021-02-26T19:13:55.749Z")
        assert request.envelope == {
            "message": {
                "attributes": {"modality": "CT"},
                "data": base64.b64encode(b"hello").decode(),
                "messageId": message_id,
                "message_id": message_id,
                "orderingKey": "k",
                "publishTime": published,
                "publish_time": published,
            },
            "subscription": subscription,
        }


@pytest.mark.rule("pubsub.push.acknowledging_codes", f"{PUSH}#receive_push")
@pytest.mark.parametrize("status", [102, 200, 201, 202, 204])
def test_a_success_acknowledges(pubsub: Clients, status: int) -> None:
    topic = pubsub.topic()
    with endpoint(lambda _: status) as server:
        subscription = pushed(pubsub, topic, server)
        pubsub.publish(topic, b"once")
        assert eventually(lambda: len(server.requests) == 1)
        assert eventually(lambda: _unacknowledged(pubsub, topic, subscription) == [])
        assert server.data() == [b"once"]


@pytest.mark.rule("pubsub.push.refusing_codes", f"{PUSH}#receive_push")
@pytest.mark.parametrize("status", [203, 206, 302, 400, 404, 500])
def test_any_other_answer_brings_the_message_again(pubsub: Clients, status: int) -> None:
    topic = pubsub.topic()
    answers = iter([status])
    with endpoint(lambda _: next(answers, 200)) as server:
        pushed(pubsub, topic, server)
        pubsub.publish(topic, b"again")
        assert eventually(lambda: server.data() == [b"again", b"again"])
        first, second = (each.envelope["message"]["messageId"] for each in server.requests)
        assert first == second


@pytest.mark.rule("pubsub.push.unreachable", f"{PUSH}#receive_push")
def test_a_message_waits_for_an_endpoint_that_is_not_there(pubsub: Clients) -> None:
    topic = pubsub.topic()
    with endpoint() as server:
        gone = server.url
    subscription = pubsub.subscription(topic, push_config={"push_endpoint": gone})
    pubsub.publish(topic, b"patient")
    with endpoint() as server:
        pubsub.subscriber.modify_push_config(
            subscription=subscription, push_config={"push_endpoint": server.url}
        )
        assert eventually(lambda: server.data() == [b"patient"])


@pytest.mark.rule("pubsub.push.backoff", f"{PUSH}#push_backoff")
def test_refusals_in_a_row_slow_the_pushing_down(pubsub: Clients) -> None:
    topic = pubsub.topic()
    with endpoint(lambda _: 500) as server:
        subscription = pushed(pubsub, topic, server)
        pubsub.publish(topic, b"refused")
        assert eventually(lambda: len(server.requests) >= 5)
        pubsub.subscriber.delete_subscription(subscription=subscription)
    times = [each.at for each in server.requests[:5]]
    pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
    longest = zip(pauses, [0.1, 0.2, 0.4, 0.8], strict=True)
    assert all(pause >= 0.9 * expected for pause, expected in longest)


@pytest.mark.rule("pubsub.push.retry_policy", RETRY)
def test_a_retry_policy_rests_a_refused_push_while_others_go_on(pubsub: Clients) -> None:
    topic = pubsub.topic()
    first = threading.Event()

    def answer(request: Received) -> int:
        if request.data == b"refused" and not first.is_set():
            first.set()
            return 500
        return 200

    with endpoint(answer) as server:
        pushed(pubsub, topic, server, retry_policy={"minimum_backoff": timedelta(seconds=2)})
        pubsub.publish(topic, b"refused")
        assert first.wait(10)
        pubsub.publish(topic, b"other")
        assert eventually(lambda: len(server.requests) == 3)
        assert server.data() == [b"refused", b"other", b"refused"]
        assert server.requests[2].at - server.requests[0].at >= 1.9


@pytest.mark.rule("pubsub.push.dead_letter", DEAD_LETTER)
def test_a_push_refused_five_times_is_a_dead_letter(pubsub: Clients) -> None:
    topic, letters = pubsub.topic(), pubsub.topic()
    graveyard = pubsub.subscription(letters)
    with endpoint(lambda _: 500) as server:
        pushed(pubsub, topic, server, dead_letter_policy={"dead_letter_topic": letters})
        pubsub.publish(topic, b"poison")
        [letter] = pubsub.drain(graveyard, 1)
    assert letter.message.attributes["CloudPubSubDeadLetterSourceDeliveryCount"] == "5"
    assert [each.envelope["deliveryAttempt"] for each in server.requests] == [1, 2, 3, 4, 5]


@pytest.mark.rule("pubsub.push.unwrapped", UNWRAPPING)
def test_an_unwrapped_push_is_the_bare_data(pubsub: Clients) -> None:
    topic = pubsub.topic()
    with endpoint() as server:
        pushed(pubsub, topic, server, push_config={"no_wrapper": {}})
        pubsub.publish(topic, b"\x00raw", colour="red")
        assert eventually(lambda: len(server.requests) == 1)
        [request] = server.requests
    assert request.body == b"\x00raw"
    assert not [name for name in request.headers if name.lower().startswith("x-goog")]
    assert "colour" not in request.headers


@pytest.mark.rule("pubsub.push.metadata_headers", UNWRAPPING)
def test_write_metadata_sends_metadata_and_attributes_as_headers(pubsub: Clients) -> None:
    topic = pubsub.topic()
    attributes = {
        "Content-Type": "application/dicom",
        "colour": "red",
        "Host": "elsewhere",
        "broken": "a\r\nInjected: yes",
    }
    with endpoint() as server:
        config = {"no_wrapper": {"write_metadata": True}}
        subscription = pushed(pubsub, topic, server, push_config=config)
        message = {"data": b"raw", "ordering_key": "key", "attributes": attributes}
        [message_id] = pubsub.publish_messages(topic, [message])
        assert eventually(lambda: len(server.requests) == 1)
        headers = server.requests[0].headers
    assert headers.pop("x-goog-pubsub-publish-time").endswith("Z")
    assert headers["Host"] in server.url
    assert {name: headers.get(name) for name in ("broken", "Injected")} == {
        "broken": None,
        "Injected": None,
    }
    assert (
        headers.items()
        >= {
            "Content-Type": "application/dicom",
            "colour": "red",
            "x-goog-pubsub-subscription-name": subscription,
            "x-goog-pubsub-message-id": message_id,
            "x-goog-pubsub-ordering-key": "key",
        }.items()
    )


@pytest.mark.rule("pubsub.push.oidc_token", AUTHENTICATION)
@pytest.mark.parametrize("audience", ["", "my-service"], ids=["endpoint", "configured"])
def test_an_authenticated_push_bears_a_token_that_is_plainly_unsigned(
    pubsub: Clients, audience: str
) -> None:
    topic = pubsub.topic()
    email = "pusher@contract.iam.gserviceaccount.com"
    with endpoint() as server:
        token = {"service_account_email": email, "audience": audience}
        pushed(pubsub, topic, server, push_config={"oidc_token": token})
        pubsub.publish(topic, b"authenticated")
        assert eventually(lambda: len(server.requests) == 1)
        scheme, _, bearer = server.requests[0].headers["Authorization"].partition(" ")
    header, claims, signature = bearer.split(".")
    assert (scheme, signature) == ("Bearer", "")
    assert _decode(header)["alg"] == "none"
    assert _decode(claims)["iss"] == "localcloud"
    assert _decode(claims)["email"] == email
    assert _decode(claims)["aud"] == (audience or server.url)


@pytest.mark.rule("pubsub.push.modify_config", CONFIG)
def test_a_subscription_switches_between_pushing_and_pulling(pubsub: Clients) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)
    modify = pubsub.subscriber.modify_push_config
    with endpoint() as server:
        pubsub.publish(topic, b"backlog")
        modify(subscription=subscription, push_config={"push_endpoint": server.url})
        assert eventually(lambda: server.data() == [b"backlog"])
        with pytest.raises(exceptions.FailedPrecondition, match="push subscriptions"):
            pubsub.pull(subscription)
        modify(subscription=subscription, push_config={})
        pubsub.publish(topic, b"pulled")
        assert data_of(pubsub.drain(subscription, 1)) == [b"pulled"]
        assert server.data() == [b"backlog"]
        settings = {"name": subscription, "push_config": {"push_endpoint": server.url}}
        pubsub.subscriber.update_subscription(
            subscription=settings, update_mask=FieldMask(paths=["push_config"])
        )
        pubsub.publish(topic, b"pushed")
        assert eventually(lambda: server.data() == [b"backlog", b"pushed"])


@pytest.mark.rule("pubsub.push.stream", PUSH)
def test_a_push_subscription_cannot_be_streamed(pubsub: Clients) -> None:
    with endpoint() as server:
        subscription = pushed(pubsub, pubsub.topic(), server)
        future = pubsub.subscriber.subscribe(subscription, lambda message: None)
        assert isinstance(future.exception(timeout=10), exceptions.FailedPrecondition)


@pytest.mark.rule("pubsub.push.config_checks", CONFIG)
@pytest.mark.parametrize(
    "config",
    [
        {"push_endpoint": "ftp://127.0.0.1/push"},
        {"push_endpoint": "not a url"},
        {"push_endpoint": "http://"},
        {"push_endpoint": "http://127.0.0.1:99999/"},
        {"push_endpoint": "http://127.0.0.1/\r\nX: y"},
        {"push_endpoint": "http://127.0.0.1/", "attributes": {"x-goog-version": "v7"}},
        {"push_endpoint": "http://127.0.0.1/", "attributes": {"colour": "red"}},
        {"push_endpoint": "http://127.0.0.1/", "oidc_token": {"audience": "nobody"}},
    ],
    ids=str,
)
def test_a_push_config_that_cannot_work_is_refused(pubsub: Clients, config: dict[str, Any]) -> None:
    with pytest.raises(exceptions.InvalidArgument):
        pubsub.subscription(pubsub.topic(), push_config=config)


@pytest.mark.rule("pubsub.push.version", CONFIG)
def test_the_version_of_the_push_format_is_always_shown(pubsub: Clients) -> None:
    with endpoint() as server:
        subscription = pushed(pubsub, pubsub.topic(), server)
        shown = pubsub.subscriber.get_subscription(subscription=subscription)
        assert shown.push_config.attributes == {"x-goog-version": "v1"}
        other = {"push_endpoint": server.url, "attributes": {"x-goog-version": "v1beta2"}}
        pubsub.subscriber.modify_push_config(subscription=subscription, push_config=other)
        pubsub.subscriber.modify_push_config(
            subscription=subscription, push_config={"push_endpoint": server.url}
        )
        shown = pubsub.subscriber.get_subscription(subscription=subscription)
        assert shown.push_config.attributes == {"x-goog-version": "v1beta2"}


@pytest.mark.rule("pubsub.push.exactly_once", EXACTLY_ONCE)
def test_exactly_once_delivery_is_for_pulling_alone(pubsub: Clients) -> None:
    config = {"push_endpoint": "http://127.0.0.1/"}
    with pytest.raises(exceptions.InvalidArgument, match="Exactly-once"):
        pubsub.subscription(pubsub.topic(), push_config=config, enable_exactly_once_delivery=True)


@pytest.mark.rule("pubsub.push.window", f"{PUSH}#quotas_limits_and_delivery_rate")
def test_pushes_start_few_and_grow_in_number_with_success(pubsub: Clients) -> None:
    topic = pubsub.topic()
    gate = threading.Event()

    def answer(_: Received) -> int:
        gate.wait(10)
        time.sleep(0.05)
        return 200

    with endpoint(answer) as server:
        subscription = pushed(pubsub, topic, server)
        pubsub.publish(topic, *[str(number).encode() for number in range(300)])
        assert eventually(lambda: len(server.requests) == 4)
        assert not eventually(lambda: len(server.requests) > 4, within_seconds=0.3)
        gate.set()
        assert eventually(lambda: len(set(server.data())) == 300, within_seconds=20)
        assert eventually(lambda: _unacknowledged(pubsub, topic, subscription) == [])
    assert 4 < server.most_at_once <= 64


@pytest.mark.rule("pubsub.push.ordering", ORDERING)
def test_an_ordering_key_has_one_push_under_way_at_a_time(pubsub: Clients) -> None:
    topic = pubsub.topic()
    under_way: list[str] = []
    overlaps: list[str] = []
    refused = threading.Event()

    def answer(request: Received) -> int:
        key = request.envelope["message"]["orderingKey"]
        if key in under_way:
            overlaps.append(key)
        under_way.append(key)
        time.sleep(0.02)
        under_way.remove(key)
        if request.data == b"a1" and not refused.is_set():
            refused.set()
            return 500
        return 200

    with endpoint(answer) as server:
        pushed(pubsub, topic, server, enable_message_ordering=True)
        for number in range(4):
            for key in ("a", "b"):
                pubsub.publish(topic, f"{key}{number}".encode(), key=key)
        assert eventually(lambda: len(server.requests) == 9)
        data = server.data()
    assert [each for each in data if each.startswith(b"a")] == [b"a0", b"a1", b"a1", b"a2", b"a3"]
    assert [each for each in data if each.startswith(b"b")] == [b"b0", b"b1", b"b2", b"b3"]
    assert overlaps == []


@pytest.mark.rule("pubsub.push.large", PUSH)
def test_a_backlog_of_large_messages_is_pushed_whole(pubsub: Clients) -> None:
    topic = pubsub.topic()
    with endpoint() as server:
        pushed(pubsub, topic, server, push_config={"no_wrapper": {}})
        for number in range(8):
            pubsub.publish(topic, bytes([number]) * 6_000_000)
        assert eventually(lambda: len(server.requests) == 8, within_seconds=20)
        received = sorted(each.body for each in server.requests)
    assert [(body[0], len(body)) for body in received] == [(n, 6_000_000) for n in range(8)]


@pytest.mark.rule("pubsub.push.seek", "https://cloud.google.com/pubsub/docs/replay-overview")
def test_a_seek_pushes_again(pubsub: Clients) -> None:
    topic = pubsub.topic()
    with endpoint() as server:
        subscription = pushed(pubsub, topic, server, retain_acked_messages=True)
        pubsub.publish(topic, b"again")

        def pushed_twice() -> bool:
            # The acknowledgement is on its way while this runs, so one seek may come before it.
            pubsub.seek(subscription, time=datetime(2020, 1, 1, tzinfo=UTC))
            return server.data()[:2] == [b"again", b"again"]

        assert eventually(pushed_twice)


@pytest.mark.rule("pubsub.push.ordering_keys_apart", ORDERING)
def test_a_stuck_key_does_not_hold_up_another(pubsub: Clients) -> None:
    topic = pubsub.topic()
    released = threading.Event()

    def answer(request: Received) -> int:
        if request.data.startswith(b"stuck"):
            released.wait(10)
        return 200

    with endpoint(answer) as server:
        pushed(pubsub, topic, server, enable_message_ordering=True)
        pubsub.publish(topic, *[f"stuck{number}".encode() for number in range(20)], key="a")
        pubsub.publish(topic, b"free1", b"free2", key="b")
        assert eventually(lambda: server.data()[-1:] == [b"free2"])
        assert sorted(server.data()) == [b"free1", b"free2", b"stuck0"]
        released.set()
        assert eventually(lambda: len(server.requests) == 22)


def _unacknowledged(pubsub: Clients, topic: str, subscription: str) -> list[bytes]:
    """What a subscription is owed, leased or not: a snapshot of it shows that to another one."""
    viewer = pubsub.subscription(topic)
    pubsub.seek(viewer, snapshot=pubsub.snapshot(subscription))
    return data_of(pubsub.pull_now(viewer))


def _decode(segment: str) -> dict[str, Any]:
    return dict(json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))))
