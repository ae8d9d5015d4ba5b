"""Where references may point, what becomes of the token, and stores that fail."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import Dataset
from tests.modelserver.series import Series, set_pixels
from tests.modelserver.server import RunningServer, running_placeholders
from tests.modelserver.stores import MULTIPART, Store, multipart, running_store, says, sends

TOKEN = "Bearer secret-token"


def code(server: RunningServer, reference: dict[str, str]) -> str:
    (prediction,) = server.predict("bright-spot", reference)
    return str(prediction["error"]["code"])


def test_the_token_goes_with_the_reference_and_into_no_log(
    server: RunningServer, store: Store
) -> None:
    series = Series()
    store.answer = sends(series.slices())
    store.asked.clear()
    server.predict("bright-spot", store.series(series.path))
    server.predict("bright-spot", {"dicomweb_uri": store.series(series.path)["dicomweb_uri"]})
    assert store.asked == [(f"/dicomWeb/{series.path}", TOKEN), (f"/dicomWeb/{series.path}", None)]
    store.answer = says(500)
    assert code(server, store.series(series.path)) == "REFERENCE_UNAVAILABLE"
    assert "secret-token" not in server.log
    assert series.study_uid not in server.log


def test_a_host_that_is_not_trusted_is_never_asked(server: RunningServer) -> None:
    with running_store() as other:
        assert code(server, other.series()) == "HOST_NOT_ALLOWED"
        assert other.asked == []


def test_a_deployment_can_name_hosts_in_its_environment(tmp_path: Path) -> None:
    with running_store() as store:
        store.answer = sends(Series().slices())
        hosts = f"healthcare.us-central1.rep.googleapis.com:443,{store.host}"
        environ = {"MODELSERVER_ALLOW_HOSTS": hosts}
        with running_placeholders(tmp_path, **environ) as server:
            (prediction,) = server.predict("bright-spot", store.series())
            assert prediction["images"] == 12


def test_a_redirect_is_not_followed(server: RunningServer, store: Store) -> None:
    with running_store() as other:
        store.answer = says(302, Location=f"{other.url}/dicomWeb/studies/1.2/series/1.2.3")
        assert code(server, store.series()) == "REFERENCE_INVALID"
        assert other.asked == []


@pytest.mark.parametrize(
    "uri",
    [
        "studies/1/series/2",
        "ftp://healthcare.googleapis.com/studies/1/series/2",
        "https://healthcare.googleapis.com/studies/1",
        "https://healthcare.googleapis.com/studies/1/series/2/frames/1",
        "https://healthcare.googleapis.com/studies/1/series/2?x=/studies/1/series/2",
        "https://user@healthcare.googleapis.com/studies/1/series/2",
        "https://[::1/studies/1/series/2",
        "https://healthcare.googleapis.com:0/studies/1/series/2",
    ],
)
def test_what_is_no_reference_to_a_series_is_refused(server: RunningServer, uri: str) -> None:
    assert code(server, {"dicomweb_uri": uri}) == "REFERENCE_INVALID"


def test_google_is_read_over_https_only(server: RunningServer) -> None:
    plain = "http://healthcare.googleapis.com:443/dicomWeb/studies/1/series/2"
    assert code(server, {"dicomweb_uri": plain}) == "HOST_NOT_ALLOWED"


@pytest.mark.parametrize("uri", ["gs://", "gs://bucket", "s3://bucket/object", "gs:///object"])
def test_what_is_no_object_is_refused(server: RunningServer, uri: str) -> None:
    (prediction,) = server.predict("bright-area", {"gcs_uri": uri})
    assert prediction["error"]["code"] == "REFERENCE_INVALID"


def _breaks_off(handler: Any) -> None:
    says(200, multipart(Series().slices())[:-200], Content_Type=MULTIPART)(handler)


def _promises_more(handler: Any) -> None:
    body = multipart(Series().slices())
    handler.send_response(200)
    handler.send_header("Content-Type", MULTIPART)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body[:-5000])
    handler.close_connection = True


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (says(401), "REFERENCE_DENIED"),
        (says(403), "REFERENCE_DENIED"),
        (says(404), "REFERENCE_NOT_FOUND"),
        (says(406), "REFERENCE_INVALID"),
        (says(503), "REFERENCE_UNAVAILABLE"),
        (says(200, b"{}", Content_Type="application/json"), "REFERENCE_UNAVAILABLE"),
        (_breaks_off, "REFERENCE_UNAVAILABLE"),
        (_promises_more, "REFERENCE_UNAVAILABLE"),
        (lambda handler: handler.connection.close(), "REFERENCE_UNAVAILABLE"),
        (sends([b"no dicom"]), "IMAGE_INVALID"),
        (sends([]), "UNSUPPORTED_SERIES"),
    ],
)
def test_a_store_that_fails_is_an_error_of_the_instance(
    server: RunningServer, store: Store, answer: Callable[[Any], None], expected: str
) -> None:
    store.answer = answer
    assert code(server, store.series()) == expected


def test_a_busy_store_is_asked_again(server: RunningServer, store: Store) -> None:
    answers = iter([says(429), sends(Series().slices())])

    def busy_once(handler: Any) -> None:
        next(answers)(handler)

    store.answer = busy_once
    (prediction,) = server.predict("bright-spot", store.series())
    assert prediction["images"] == 12


def _in_pieces(body: bytes, sizes: list[int]) -> Callable[[Any], None]:
    """Return an answer in HTTP chunks of some sizes, again and again."""

    def answer(handler: Any) -> None:
        handler.protocol_version = "HTTP/1.1"
        handler.send_response(200)
        handler.send_header("Content-Type", MULTIPART)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        start = 0
        for size in cycle(sizes):
            piece = body[start : start + size]
            handler.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            if not piece:
                break
            start += size
        handler.close_connection = True

    return answer


PIECES_SERIES = Series(count=7)
PIECES = multipart(PIECES_SERIES.slices())


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(sizes=st.lists(st.integers(1, 3000), min_size=1, max_size=5))
def test_parts_are_found_wherever_the_network_cuts(
    server: RunningServer, store: Store, sizes: list[int]
) -> None:
    store.answer = _in_pieces(PIECES, [*sizes, 997])
    (prediction,) = server.predict("bright-spot", store.series())
    assert prediction["images"] == PIECES_SERIES.count


def test_a_long_series_takes_little_more_than_the_volume(store: Store, tmp_path: Path) -> None:
    """The 200 MiB of float32 that a detector gets; the slices that it is made of, and the files
    that they were, are gone by then."""
    rows, count = 512, 200
    noise = np.random.default_rng(1).integers(0, 2000, (rows, rows))

    def large(ds: Dataset, index: int) -> None:
        set_pixels(ds, np.roll(noise, index, axis=0))

    series = Series(count=count, spacing_mm=1.0)
    store.answer = lambda handler: _streams(handler, series, large)
    with running_placeholders(tmp_path, f"--allow-host={store.host}") as server:
        (prediction,) = server.predict("bright-spot", store.series())
        assert prediction["images"] == count
        assert server.peak_mib() < 400


def _streams(handler: Any, series: Series, change: Callable[[Dataset, int], None]) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", MULTIPART)
    handler.end_headers()
    body = multipart([])
    for index in range(series.count):
        handler.wfile.write(multipart([series.slice(index, change)])[: -len(body)])
    handler.wfile.write(body)
    handler.close_connection = True


def test_a_store_that_says_nothing_is_given_up(tmp_path: Path) -> None:
    with running_store() as store:
        store.answer = lambda _: time.sleep(3)
        options = (f"--allow-host={store.host}", "--store-silence-seconds=0.5")
        with running_placeholders(tmp_path, *options) as server:
            assert code(server, store.series()) == "REFERENCE_UNAVAILABLE"
