"""The contract of custom containers: health, requests, answers, limits, stopping."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from PIL import Image
from tests.modelserver.server import (
    RunningServer,
    is_healthy,
    launch,
    listening,
    running,
    running_placeholders,
    wait_until,
    write_model,
)

AREA = {"x": 0.25, "y": 0.5, "width": 0.25, "height": 0.125}


def png(rows: int = 8, columns: int = 8) -> dict[str, str]:
    """An instance: a dark image with a bright box at ``AREA``."""
    pixels = np.zeros((rows, columns), np.uint8)
    pixels[rows // 2 : rows // 2 + rows // 8, columns // 4 : columns // 2] = 255
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "png")
    return {"input_bytes": base64.b64encode(buffer.getvalue()).decode()}


def test_every_instance_has_a_prediction_in_its_place(server: RunningServer) -> None:
    bad = {"input_bytes": base64.b64encode(b"no image").decode()}
    first, second, third = server.predict("bright-area", png(), bad, png(16, 16))
    assert first["detections"] == [{"code": "bright", "score": 1.0, "box": AREA}]
    assert second["error"]["code"] == "IMAGE_INVALID"
    assert third["scores"] == {"bright": 1.0, "dim": 0.0}
    assert third["images"] == 1


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{", "not JSON"),
        (b'{"instances": [NaN]}', "not JSON"),
        (b"[]", "instances"),
        (b'{"instances": []}', "at least one"),
        (b'{"instances": [7]}', "instances[0] is not an object"),
        (b'{"instances": [{}]}', "instances[0] needs exactly one of"),
        (b'{"instances": [{"input_bytes": "a", "gcs_uri": "b"}]}', "needs exactly one of"),
        (b'{"instances": [{"input_bytes": ""}]}', "instances[0].input_bytes"),
        (b'{"instances": [{"gcs_uri": 7}]}', "instances[0].gcs_uri"),
        (b'{"instances": [{"image": "secret"}]}', "a field that is none of"),
        (b'{"instances": [{"input_bytes": "a", "bearer_token": "b"}]}', "bearer_token"),
        (
            b'{"instances": [{"gcs_uri": "gs://b/o", "bearer_token": "a\\r\\nb: c"}]}',
            "bearer_token",
        ),
    ],
)
def test_a_wrong_shape_is_refused_with_the_reason(
    server: RunningServer, body: bytes, reason: str
) -> None:
    answer = server.post("bright-area", body)
    assert answer.status_code == 400
    assert reason in answer.json()["error"]
    assert "secret" not in answer.text


def test_an_unknown_model_is_refused_with_the_names_of_all(server: RunningServer) -> None:
    answer = server.post("none", {"instances": [png()]})
    assert answer.status_code == 404
    assert "bright-area" in answer.json()["error"]


@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_body_over_the_limit_is_refused(tmp_path: Path, is_chunked: bool) -> None:
    body = json.dumps({"instances": [{"input_bytes": "A" * (1 << 20)}]}).encode()
    with running_placeholders(tmp_path, "--max-request-mib=0.5") as server:
        url = f"{server.url}/v1/models/bright-area:predict"
        data: Any = iter([body[:1000], body[1000:]]) if is_chunked else body
        try:
            status = requests.post(url, data=data, timeout=10).status_code
        except requests.ConnectionError:
            # The server hangs up on who goes on sending.
            status = 413
        assert status == 413
        assert server.predict("bright-area", png())


def test_a_model_that_fails_costs_its_instance_and_logs_no_content(server: RunningServer) -> None:
    fine, failed = server.predict("picky", png(8, 8), png(7, 8))
    assert fine["error"] == {
        "code": "UNSUPPORTED_IMAGE",
        "description": "nothing pleases this model.",
    }
    assert failed["error"]["code"] == "INTERNAL"
    assert '"error": "KeyError"' in server.log
    assert "JANE" not in server.log


def test_a_score_that_is_no_number_is_an_error(server: RunningServer) -> None:
    (prediction,) = server.predict("not-a-number", png())
    assert prediction["error"]["code"] == "INTERNAL"


def test_more_requests_than_may_wait_are_told_to_come_back(tmp_path: Path) -> None:
    options = ("--images=1", "--waiting=2")
    with running_placeholders(tmp_path, *options) as server, ThreadPoolExecutor(6) as pool:

        def ask(_: int) -> requests.Response:
            return server.post("gated", {"instances": [png()]})

        asked = [pool.submit(ask, 0)]
        wait_until((tmp_path / "begun").exists)
        asked += [pool.submit(ask, number) for number in range(5)]
        wait_until(lambda: sum(future.done() for future in asked) == 3)
        refused = [future.result() for future in asked if future.done()]
        assert {answer.status_code for answer in refused} == {429}
        assert {answer.headers["Retry-After"] for answer in refused} == {"5"}
        # Health answers whatever the models do.
        assert is_healthy(server)
        (tmp_path / "gate").touch()
        assert sorted(future.result().status_code for future in asked) == [200] * 3 + [429] * 3


def test_a_caller_who_has_gone_is_not_worked_for(tmp_path: Path) -> None:
    with running_placeholders(tmp_path, "--images=1") as server, ThreadPoolExecutor(1) as pool:
        first = pool.submit(server.post, "gated", {"instances": [png()]})
        wait_until((tmp_path / "begun").exists)
        url = f"{server.url}/v1/models/bright-area:predict"
        with pytest.raises(requests.ReadTimeout):
            requests.post(url, json={"instances": [png()]}, timeout=0.3)
        (tmp_path / "gate").touch()
        assert first.result().status_code == 200
        wait_until(lambda: '"status": 499' in server.log)


def test_health_is_503_until_the_models_are_loaded(tmp_path: Path) -> None:
    write_model(tmp_path / "models", "slow", "Slow", "image", [])
    with listening(tmp_path, f"--models={tmp_path / 'models'}") as server:
        assert requests.get(f"{server.url}/health", timeout=5).status_code == 503
        assert server.post("slow", {"instances": [png()]}).status_code == 503
        (tmp_path / "gate").touch()
        wait_until(lambda: is_healthy(server))
        assert server.predict("slow", png())


def test_a_stop_lets_the_request_in_hand_end(tmp_path: Path) -> None:
    with running_placeholders(tmp_path) as server, ThreadPoolExecutor(1) as pool:
        answer = pool.submit(server.post, "gated", {"instances": [png()]})
        wait_until((tmp_path / "begun").exists)
        server.process.terminate()
        wait_until(lambda: not _accepts(server))
        (tmp_path / "gate").touch()
        assert answer.result().status_code == 200
        assert server.process.wait(10) == 0


def _accepts(server: RunningServer) -> bool:
    try:
        requests.get(f"{server.url}/health", timeout=5)
    except requests.ConnectionError:
        return False
    return True


def test_vertex_variables_choose_port_routes_and_model(tmp_path: Path) -> None:
    write_model(tmp_path / "models", "one", "BrightArea", "image", [])
    write_model(tmp_path / "models", "two", "Picky", "image", [])
    environ = {"AIP_HEALTH_ROUTE": "/ping", "AIP_PREDICT_ROUTE": "/models/two"}
    with listening(tmp_path, f"--models={tmp_path / 'models'}", **environ) as server:
        wait_until(lambda: requests.get(f"{server.url}/ping", timeout=5).status_code == 200)
        answer = requests.post(
            f"{server.url}/models/two", json={"instances": [png()]}, timeout=5
        ).json()
        assert answer["predictions"][0]["error"]["code"] == "UNSUPPORTED_IMAGE"


def test_googles_default_route_serves_the_only_model(tmp_path: Path) -> None:
    write_model(tmp_path / "models", "one", "BrightArea", "image", [])
    route = "/v1/endpoints/7/deployedModels/8:predict"
    with running(tmp_path, f"--models={tmp_path / 'models'}", AIP_PREDICT_ROUTE=route) as server:
        url = f"{server.url}{route}"
        answer = requests.post(url, json={"instances": [png()]}, timeout=5).json()
        assert answer["predictions"][0]["model"]["name"] == "one"


def failure(folder: Path, *options: str, **environ: str) -> str:
    process: subprocess.Popen[str] = launch(folder, "--port=0", *options, **environ)
    try:
        assert process.wait(20) == 2
    finally:
        process.kill()
        process.communicate()
    return (folder / "server.log").read_text("utf-8")


def test_what_cannot_be_served_ends_the_process_with_the_reason(tmp_path: Path) -> None:
    models = tmp_path / "models"
    option = f"--models={models}"
    assert "there are no models" in failure(tmp_path, option)
    write_model(models, "one", "BrightArea", "image", [])
    two = write_model(models, "two", "BrightArea", "image", [])
    assert "give the folder it lies in" in failure(tmp_path, f"--models={two}")
    assert "there is no model six" in failure(tmp_path, option, "--model=six")
    route = {"AIP_PREDICT_ROUTE": "/predict"}
    assert "/predict names no model" in failure(tmp_path, option, **route)
    with (two / "model.toml").open("a") as file:
        file.write('weights_digest = "sha256:0"\n')
    assert "is not what model.toml declares" in failure(tmp_path, option)
    (two / "model.toml").write_text("colour = 1\n", "utf-8")
    assert "unknown field: colour" in failure(tmp_path, option)


@pytest.mark.parametrize(
    ("detector", "reason"),
    [
        ("mine:Bright", "looked for in modelserver.detectors; give package.module:Class"),
        ("elsewhere.mine:Bright", "with the package's folder on PYTHONPATH"),
        ("tests.modelserver.placeholders", "detector must be module:Class"),
        ("tests.modelserver.placeholders:Dim", "has no attribute 'Dim'"),
    ],
)
def test_a_detector_that_cannot_be_loaded_is_said_with_the_way_out(
    detector: str, reason: str, tmp_path: Path
) -> None:
    described = write_model(tmp_path / "models", "one", "Bright", "image", []) / "model.toml"
    placeholder = "tests.modelserver.placeholders:Bright"
    described.write_text(described.read_text("utf-8").replace(placeholder, detector), "utf-8")
    assert reason in failure(tmp_path, f"--models={tmp_path / 'models'}")


def test_a_port_in_use_is_said_with_the_way_out(server: RunningServer, tmp_path: Path) -> None:
    port = server.url.rpartition(":")[2]
    assert "choose another with --port" in failure(tmp_path, f"--port={port}")


def test_threads_of_one_server_do_not_mix_up_answers(server: RunningServer) -> None:
    sizes = [(8 * n, 8 * m) for n in (1, 2, 3) for m in (1, 2, 3)]
    barrier = threading.Barrier(len(sizes))

    def ask(size: tuple[int, int]) -> str:
        barrier.wait()
        (prediction,) = server.predict("bright-area", png(*size))
        return json.dumps(prediction["detections"][0]["box"])

    with ThreadPoolExecutor(len(sizes)) as pool:
        assert set(pool.map(ask, sizes)) == {json.dumps(AREA)}
