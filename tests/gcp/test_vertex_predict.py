"""Asking an endpoint: every way in which a model can fail has its error, and nothing is quoted."""

from __future__ import annotations

import json
import threading
import time
import traceback
from collections.abc import Mapping
from typing import Any

import pytest
import requests
from tests.contract.model_server import Answer, ModelServer, Received, running_model_server
from tests.gcp.vertex_installation import PREDICT, SUBJECT, Installation

from wetread.core.errors import PermanentError, RetriableError, WetreadError
from wetread.core.predictions.adapters import ADAPTERS
from wetread.core.predictions.contract import PredictionError, Question
from wetread.core.predictions.payload import SHARED
from wetread.gcp.vertex import Endpoint, PredictionResponse, VertexClient

SECRET = "ya29.token-of-2.25.99"
INSTANCE = {"dicomweb_uri": "https://store/studies/2.25.99", "bearer_token": SECRET}


def ask(
    installation: Installation,
    display_name: str,
    instances: list[Mapping[str, Any]] | None = None,
    timeout_seconds: float = 1.0,
) -> PredictionResponse:
    client = installation.client()
    return client.predict(
        client.find_endpoint(display_name),
        [INSTANCE] if instances is None else instances,
        timeout_seconds=timeout_seconds,
        subject=SUBJECT,
    )


def failing(installation: Installation, display_name: str, **how: Any) -> WetreadError:
    """Return the error of asking; nothing that was sent or answered is in it."""
    with pytest.raises(WetreadError) as raised:
        ask(installation, display_name, **how)
    printed = "".join(traceback.format_exception(raised.value))
    for secret in (SECRET, "2.25.99", "http://", "https://"):
        assert secret not in printed
    assert SUBJECT in str(raised.value)
    return raised.value


@pytest.fixture(scope="module")
def nodule(installation: Installation) -> str:
    """The display name of a shared endpoint that the test's model server answers for."""
    return installation.deployed()


@pytest.fixture(scope="module")
def dedicated(installation: Installation) -> str:
    return installation.deployed(dedicated_endpoint_enabled=True)


def test_a_prediction_says_which_version_answered(
    installation: Installation, server: ModelServer, nodule: str
) -> None:
    server.says(200, {"predictions": [{"n": 1}, {"n": 2}]})
    client = installation.client()
    endpoint = client.find_endpoint(nodule)
    answer = client.predict(
        endpoint,
        [INSTANCE, INSTANCE],
        {"threshold": 0.5},
        timeout_seconds=5,
        subject=SUBJECT,
    )
    assert answer.predictions == ({"n": 1}, {"n": 2})
    (deployed,) = endpoint.deployed
    assert (answer.deployed_model_id, answer.model) == (deployed.id, deployed.model)
    assert answer.model_version_id == "1"
    (received,) = server.predictions()
    sent = {"instances": [INSTANCE, INSTANCE], "parameters": {"threshold": 0.5}}
    assert json.loads(received.body) == sent
    assert SECRET not in repr(answer)


def in_turn(*answers: Answer) -> Any:
    """Answer with each in turn, and with the last for ever."""
    waiting = list(answers)

    def answer(_: Received) -> Answer:
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]

    return answer


@pytest.mark.parametrize("status", [429, 503, 504])
def test_an_overloaded_model_is_asked_again(
    installation: Installation, server: ModelServer, nodule: str, status: int
) -> None:
    server.answer = in_turn((status, b"busy"), (200, b'{"predictions": [1]}'))
    assert ask(installation, nodule, timeout_seconds=10).predictions == (1,)
    assert len(server.predictions()) == 2


@pytest.mark.parametrize("status", [429, 503])
def test_a_model_that_stays_overloaded_is_an_outage(
    installation: Installation, server: ModelServer, nodule: str, status: int
) -> None:
    server.says(status, {"error": SECRET})
    error = failing(installation, nodule)
    assert isinstance(error, RetriableError)
    assert error.code == "service-unavailable"
    assert len(server.predictions()) > 1


def test_a_model_that_breaks_down_is_not_asked_again_at_once(
    installation: Installation, server: ModelServer, nodule: str
) -> None:
    server.says(500, {"error": SECRET})
    error = failing(installation, nodule, timeout_seconds=60)
    assert (error.code, len(server.predictions())) == ("service-unavailable", 1)


def test_a_slow_model_costs_no_more_than_the_analysis_may_take(
    installation: Installation, server: ModelServer, nodule: str
) -> None:
    released = threading.Event()

    def slow(_: Received) -> Answer:
        released.wait(30)
        return 200, b'{"predictions": [1]}'

    server.answer = slow
    started = time.monotonic()
    try:
        error = failing(installation, nodule, timeout_seconds=0.5)
    finally:
        released.set()
    assert isinstance(error, RetriableError)
    assert error.code == "service-unavailable"
    assert time.monotonic() - started < 20


def test_a_model_that_is_down_is_an_outage(installation: Installation) -> None:
    with running_model_server() as gone:
        installation.register("registry/gone", gone.url)
        display_name = installation.deployed("registry/gone")
    error = failing(installation, display_name)
    assert (type(error), error.code) == (RetriableError, "service-unavailable")


def test_a_service_that_is_down_is_an_outage() -> None:
    base_url = "http://127.0.0.1:9"
    endpoint = Endpoint("projects/p/locations/l/endpoints/1", "nodule", base_url, SHARED, ())
    client = VertexClient(requests.Session(), base_url, "projects/p/locations/l")
    with pytest.raises(RetriableError) as raised:
        client.predict(endpoint, [INSTANCE], timeout_seconds=0.5, subject=SUBJECT)
    assert raised.value.code == "service-unavailable"
    assert SECRET not in "".join(traceback.format_exception(raised.value))


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("fault", [{"status": 503}, {"drop": True}, {"drop": True, "after": True}])
def test_a_fault_of_the_service_passes(
    installation: Installation, nodule: str, fault: dict[str, Any]
) -> None:
    installation.cloud.fault(PREDICT, times=1, **fault)
    assert len(ask(installation, nodule, timeout_seconds=10).predictions) == 1


@pytest.mark.parametrize(
    "body",
    [b'{"predictions": [{"score": NaN}]}', b'{"predictions": 5}', b"<html>", b"[]", b'{"no": 1}'],
    ids=["NaN", "number", "page", "list", "nothing"],
)
def test_what_vertex_itself_refuses_to_pass_on_is_a_failure_of_the_model(
    installation: Installation, server: ModelServer, nodule: str, body: bytes
) -> None:
    server.says(200, body)
    error = failing(installation, nodule, timeout_seconds=60)
    assert (type(error), error.code) == (RetriableError, "service-unavailable")


@pytest.mark.parametrize("predictions", [[], [1], [1, 2, 3]])
def test_not_one_prediction_for_each_instance_is_malformed(
    installation: Installation, server: ModelServer, nodule: str, predictions: list[int]
) -> None:
    server.says(200, {"predictions": predictions})
    error = failing(installation, nodule, instances=[INSTANCE, INSTANCE])
    assert (type(error), error.code) == (RetriableError, "answer-malformed")
    assert "2 predictions" in str(error)


def test_a_wrong_shape_of_one_prediction_is_a_value_and_no_exception(
    installation: Installation, server: ModelServer, nodule: str
) -> None:
    """One broken prediction of a request must not cost the good ones beside it."""
    server.says(
        200, {"predictions": [{"scores": "high"}, {"error": {"code": "UNSUPPORTED_SERIES"}}]}
    )
    answer = ask(installation, nodule, instances=[INSTANCE, INSTANCE])
    question = Question(codes=frozenset({"pulmonary-nodule"}))
    wrong, refused = (ADAPTERS["detections"].read(p, question) for p in answer.predictions)
    assert isinstance(wrong, PredictionError)
    assert wrong.is_malformed
    assert isinstance(refused, PredictionError)
    assert refused.code == "UNSUPPORTED_SERIES"


@pytest.mark.parametrize("status", [400, 401, 403, 422])
def test_a_request_that_the_model_refuses_is_not_repeated(
    installation: Installation, server: ModelServer, nodule: str, status: int
) -> None:
    server.says(status, {"error": f"cannot read with {SECRET}"})
    error = failing(installation, nodule, timeout_seconds=60)
    assert (type(error), error.code) == (PermanentError, "request-rejected")
    assert len(server.predictions()) == 1


def test_an_error_in_place_of_all_predictions_is_a_refusal(
    installation: Installation, server: ModelServer, nodule: str
) -> None:
    server.says(200, {"error": f"cannot read with {SECRET}"})
    error = failing(installation, nodule)
    assert (type(error), error.code) == (PermanentError, "request-rejected")


def heavy(size_bytes: int) -> list[Mapping[str, Any]]:
    return [{"input_bytes": "A" * size_bytes}]


@pytest.mark.usefixtures("server")
def test_a_shared_endpoint_takes_1_5_megabytes_and_a_dedicated_one_10(
    installation: Installation, nodule: str, dedicated: str
) -> None:
    fits, large, huge = heavy(1_450_000), heavy(1_600_000), heavy(10_600_000)
    assert ask(installation, nodule, fits, timeout_seconds=10).predictions
    assert ask(installation, dedicated, large, timeout_seconds=10).predictions
    for display_name, instances in ((nodule, large), (dedicated, huge)):
        error = failing(installation, display_name, instances=instances, timeout_seconds=10)
        assert (type(error), error.code) == (PermanentError, "request-rejected")


def test_an_endpoint_that_lost_its_models_is_told(installation: Installation) -> None:
    display_name, _ = installation.endpoint()
    client = installation.client()
    _, name = installation.endpoint()
    empty = Endpoint(name, display_name, installation.cloud.vertex, SHARED, ())
    gone = Endpoint(f"{name}0", display_name, installation.cloud.vertex, SHARED, ())
    for endpoint, code in ((empty, "request-rejected"), (gone, "not-found")):
        with pytest.raises(PermanentError) as raised:
            client.predict(endpoint, [INSTANCE], timeout_seconds=5, subject=SUBJECT)
        assert raised.value.code == code


class Prepared:
    """A session with one answer, for what a local cloud would never say."""

    def __init__(self, body: bytes, status: int = 200) -> None:
        self.body, self.status = body, status
        self.options: dict[str, Any] = {}

    def request(self, method: str, url: str, **options: Any) -> requests.Response:
        self.options = options
        answer = requests.Response()
        answer.status_code, answer._content = self.status, self.body
        return answer


def prepared(body: bytes, status: int = 200, timeout_seconds: float = 5) -> tuple[Any, Prepared]:
    session, base_url = Prepared(body, status), "https://us-central1-aiplatform.googleapis.com"
    endpoint = Endpoint("projects/p/locations/l/endpoints/1", "nodule", base_url, SHARED, ())
    client = VertexClient(session, base_url, "projects/p/locations/l")
    limits = {"timeout_seconds": timeout_seconds, "subject": SUBJECT}
    return (lambda: client.predict(endpoint, [INSTANCE], **limits)), session


@pytest.mark.parametrize(
    "body",
    [
        b'{"predictions": [NaN]}',
        b'{"predictions": [-Infinity]}',
        b"[" * 100_000,
        b'{"predictions": [' + b"9" * 5000 + b"]}",
        b'{"predictions": {"0": 1}, "deployedModelId": 5}',
        b"null",
        b"\xff\xfe",
    ],
    ids=["NaN", "Infinity", "deep", "long number", "wrong id", "null", "no text"],
)
def test_an_answer_that_is_no_json_of_vertex_is_malformed(body: bytes) -> None:
    call, _ = prepared(body)
    with pytest.raises(RetriableError) as raised:
        call()
    assert raised.value.code == "answer-malformed"


def test_a_chat_servers_one_object_is_the_prediction_of_the_one_instance() -> None:
    call, _ = prepared(b'{"predictions": {"choices": []}}')
    assert call().predictions == ({"choices": []},)


def test_a_redirection_is_refused_since_the_token_would_go_along() -> None:
    call, session = prepared(b"", status=307)
    with pytest.raises(PermanentError) as raised:
        call()
    assert raised.value.code == "request-rejected"
    assert session.options["allow_redirects"] is False


def test_a_shared_endpoint_is_waited_for_no_longer_than_it_may_take() -> None:
    call, session = prepared(b'{"predictions": [1]}', timeout_seconds=300)
    call()
    assert 59 < session.options["timeout"] <= 60
