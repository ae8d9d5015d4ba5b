"""What a model is asked about pictures, what is kept of its answers, and what of its failures."""

from __future__ import annotations

import random
import threading
import tracemalloc
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, cast

import pytest
from tests.core.predictions.questions import head_text

from wetread.core.errors import PermanentError
from wetread.core.findings import AnalysisFindings, ImageReference
from wetread.core.identity import StudyVersion
from wetread.core.plan import PlanRow
from wetread.core.predictions.linear_head import LinearHead, read_linear_head
from wetread.core.predictions.payload import DEDICATED, SHARED, EndpointLimits
from wetread.core.routing.analysis import Analysis
from wetread.core.routing.table import analysis_from_json
from wetread.gcp.fan_out import fan_out
from wetread.gcp.model_analysis import ModelAnalysis
from wetread.gcp.picture_notes import PictureNotes
from wetread.gcp.row_images import RowImages
from wetread.gcp.series_images import Picture
from wetread.gcp.staged_pictures import StagedPictures
from wetread.gcp.storage import Bucket
from wetread.gcp.vertex import (
    DeployedModel,
    Endpoint,
    ModelRecord,
    PredictionResponse,
    VertexClient,
)

STUDY, SERIES, IMAGE = "1.2.1", "1.2.2", "1.2.3"
MODEL = {"name": "text", "version": "1", "weights_digest": "sha256:" + "0" * 64}
CODE = "burned-in-text"
CREATED_AT = "2026-01-01T00:00:00+00:00"
Predict = Callable[[int], dict[str, Any]]


def analysis(**row: Any) -> Analysis:
    known = {
        "title": "Text",
        "kind": "specialised",
        "input": "frames",
        "adapter": "detections",
        "endpoint": "text",
        "findings": {CODE: 0.5},
        "card": "text.md",
    }
    return analysis_from_json("text", known | row)


def said(score: float, **detection: Any) -> dict[str, Any]:
    found = [{"code": CODE, "score": score, **detection}]
    return {"model": MODEL, "scores": {CODE: score}, "images": 1, "detections": found}


class Vertex:
    """An endpoint that answers the instances that it is sent, counted from 0, one by one."""

    def __init__(self, predict: Predict, limits: EndpointLimits = DEDICATED) -> None:
        self._predict, self._limits, self._asked = predict, limits, 0
        self._lock = threading.Lock()

    def find_endpoint(self, name: str) -> Endpoint:
        deployed = (DeployedModel("1", "models/m", "1", name, 100),)
        return Endpoint("endpoints/e", name, "http://vertex.invalid", self._limits, deployed)

    def predict(self, _: Endpoint, instances: Sequence[Any], **__: Any) -> PredictionResponse:
        with self._lock:
            first = self._asked
            self._asked += len(instances)
        answers = tuple(self._predict(first + place) for place in range(len(instances)))
        return PredictionResponse(answers, "1", "models/m", "1")

    def model_record(self, model: str, version: str) -> ModelRecord:
        return ModelRecord(model, version, "image", "", "", {})


def series(images: int, frames: int = 1) -> RowImages:
    uids = tuple(f"{IMAGE}.{number}" for number in range(1, images + 1))
    stored = [
        {
            "00080018": {"vr": "UI", "Value": [uid]},
            "0020000E": {"vr": "UI", "Value": [SERIES]},
            "00280008": {"vr": "IS", "Value": [frames]},
            "00280010": {"vr": "US", "Value": [64]},
            "00280011": {"vr": "US", "Value": [64]},
        }
        for uid in uids
    ]
    row = PlanRow("s01", (SERIES,), "OT", uids, "", images, 0, ("text",))
    return RowImages(STUDY, row, {SERIES: stored})


def asked_about(
    images: RowImages,
    frames: Sequence[ImageReference],
    predict: Predict,
    *,
    pictures: Iterable[Picture] | None = None,
    weights: Callable[[str], LinearHead] = pytest.fail,
    limits: EndpointLimits = DEDICATED,
    **row: Any,
) -> AnalysisFindings:
    model = ModelAnalysis(
        vertex=cast(VertexClient, Vertex(predict, limits)),
        analysis=analysis(**row),
        settings_digest="0" * 64,
        access_token=lambda: None,
        dicomweb_url="http://store.invalid",
        staged=StagedPictures(Storage(), StudyVersion("k1-abc", 1), "s01"),
        head=weights,
        subject="a study",
    )
    notes = PictureNotes(dict.fromkeys(images.row.sop_instance_uids, "not-sampled"))
    shown = [Picture(frame, b"png") for frame in frames] if pictures is None else pictures
    return model.of_pictures(images, frames, notes, shown, CREATED_AT)


class Storage(Bucket):
    """A bucket in memory."""

    def __init__(self) -> None:
        self.name, self.objects = "state", dict[str, bytes]()

    def write(self, name: str, content: bytes, *_: str) -> None:
        self.objects[name] = content

    def delete(self, objects: Iterable[tuple[str, int | None]], _: str) -> None:
        for name, _generation in objects:
            del self.objects[name]


def frame(image: int, number: int = 1) -> ImageReference:
    return ImageReference(SERIES, f"{IMAGE}.{image}", "", None, number)


def test_a_picture_that_the_model_calls_by_a_name_that_it_cannot_know_is_malformed() -> None:
    """It was sent pixels alone; where such an answer belongs nobody can say."""
    foreign = said(0.9, image={"sop_instance_uid": "2.25.99"})
    with pytest.raises(PermanentError) as raised:
        asked_about(series(1), [frame(1)], lambda _: foreign)
    assert raised.value.code == "prediction-malformed"
    assert "2.25.99" not in str(raised.value)


@pytest.mark.parametrize("refused", [0, 1])
def test_an_image_with_one_frame_that_was_looked_at_is_analysed(refused: int) -> None:
    """Whichever of the frames comes last."""
    refusal = {"error": {"code": "UNSUPPORTED_IMAGE"}}
    findings = asked_about(
        series(1, frames=2),
        [frame(1, 1), frame(1, 2)],
        lambda number: refusal if number == refused else said(0.2),
    )
    assert [outcome.reason for outcome in findings.outcomes] == ["analysed"]


def test_findings_stand_in_the_order_of_the_geometry() -> None:
    frames = [frame(1), frame(2), frame(3)]
    arriving = [Picture(one, b"png") for one in reversed(frames)]
    findings = asked_about(series(3), frames, lambda _: said(0.9), pictures=arriving)
    assert [found.image for found in findings.findings] == frames


@pytest.mark.parametrize(
    ("path", "stored", "is_all"),
    [
        ((STUDY, SERIES), 2, True),
        ((STUDY, SERIES), 3, False),
        ((STUDY, SERIES, f"{IMAGE}.1"), 3, True),
        ((STUDY,), 2, False),
    ],
)
def test_a_model_is_told_which_images_count_where_an_address_may_hold_others(
    path: tuple[str, ...], stored: int, is_all: bool
) -> None:
    """A study may have series that the analysis does not take, which nobody asked the store for."""
    row = replace(series(2).row, sop_instance_uids=(f"{IMAGE}.1", f"{IMAGE}.2"))
    assert replace(series(stored), row=row).is_all_of(path) is is_all


def test_the_weights_of_a_head_are_read_once() -> None:
    """All scores of an analysis are made with the same."""
    read = []

    def weights(name: str) -> LinearHead:
        read.append(name)
        return read_linear_head(head_text("medsiglip/embedding", 2, "mean", CODE))

    about = {"input_type": "image", "model_temperature": 1.0, "model_bias": 0.0}
    findings = asked_about(
        series(3),
        [frame(1), frame(2), frame(3)],
        lambda _: {"embedding": [1.0, 0.0], **about},
        weights=weights,
        adapter="medsiglip",
        head="text.json",
    )
    assert len(findings.findings) == 3
    assert read == ["text.json"]


def test_neither_pictures_nor_answers_gather() -> None:
    """64 pictures of a megabyte each, and as many answers with a megabyte of text."""
    images, size_bytes = 64, 2**20
    frames = [frame(number) for number in range(1, images + 1)]
    pictures = (Picture(one, random.randbytes(size_bytes)) for one in frames)
    chat = "{}<unused94>{}<unused95>Nothing.".format

    def predict(_: int) -> Any:
        return chat("", random.randbytes(size_bytes // 2).hex())

    tracemalloc.start()
    findings = asked_about(
        series(images),
        frames,
        predict,
        pictures=pictures,
        limits=SHARED,
        adapter="medgemma",
        prompt="Describe.",
        findings={},
    )
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert findings.texts == ("Nothing.",) * images
    assert peak_bytes < 32 * size_bytes


def test_two_workers_on_one_row_do_not_touch_each_others_pictures() -> None:
    storage, study = Storage(), StudyVersion("k1-abc", 1)
    one, other = (StagedPictures(storage, study, "s01") for _ in range(2))
    addresses = [one.put(b"one"), other.put(b"other"), other.put(b"more")]
    assert len(set(addresses)) == len(addresses)
    one.remove()
    assert sorted(storage.objects.values()) == [b"more", b"other"]
    other.remove()
    assert storage.objects == {}


def total(numbers: Iterator[int]) -> int:
    return sum(numbers)


def failing(_: Iterator[int]) -> int:
    raise KeyError("nobody foresaw this")


class TestFanOut:
    def test_a_consumer_that_fails_is_heard_when_the_others_have_ended(self) -> None:
        ended = threading.Event()

        def slow(numbers: Iterator[int]) -> int:
            found = sum(numbers)
            ended.set()
            return found

        with pytest.raises(KeyError):
            fan_out(range(1000), [failing, slow])
        assert ended.is_set()

    def test_a_stream_that_breaks_breaks_in_each_consumer(self) -> None:
        def broken() -> Iterator[int]:
            yield 1
            raise ValueError

        def catching(numbers: Iterator[int]) -> str:
            try:
                return str(sum(numbers))
            except ValueError:
                return "broken"

        assert fan_out(broken(), [catching, catching]) == ["broken", "broken"]

    def test_the_stream_ends_when_nobody_listens(self) -> None:
        def endless() -> Iterator[int]:
            while True:
                yield 1

        with pytest.raises(KeyError):
            fan_out(endless(), [failing, failing])

    def test_every_consumer_gets_every_item(self) -> None:
        assert fan_out(range(100), [total, total, max]) == [4950, 4950, 99]
