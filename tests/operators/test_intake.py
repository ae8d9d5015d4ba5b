"""Which runs intake starts, and when."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pydicom
import pytest
from tests.operators.kills import Killed, Worker, transports_of
from tests.operators.pipeline import Pipeline
from tests.operators.test_faults import nodule

from samples import SampleFile, hostile
from wetread.core.errors import PermanentError, problem
from wetread.core.identity import parse_run_id
from wetread.gcp.dicomweb import DicomWebClient
from wetread.gcp.pubsub import Message, Subscription


def study(name: str, instance: int = 1) -> SampleFile:
    return SampleFile(f"{name}-{instance}.dcm", hostile.valid(name, instance))


def uid_of(content: bytes, keyword: str = "StudyInstanceUID") -> str:
    return str(pydicom.dcmread(io.BytesIO(content))[keyword].value)


def test_one_folder_may_hold_several_studies(pipeline: Pipeline) -> None:
    pipeline.upload("mixed", [study("a"), study("b"), study("b", 2)])

    runs = pipeline.intake()

    counts = [pipeline.run(run_id)["archive_source"]["analysed"] for run_id in runs]
    assert sorted(counts) == [1, 2]


def test_one_study_may_span_folders(pipeline: Pipeline) -> None:
    pipeline.upload("left", [study("a", 1)])
    pipeline.upload("right", [study("a", 2)])

    (run_id,) = pipeline.intake()

    assert pipeline.run(run_id)["archive_source"]["analysed"] == 2


def test_an_unreadable_file_is_counted_once(pipeline: Pipeline) -> None:
    pipeline.upload("mixed", [study("a"), SampleFile("bad", b"no DICOM" * 40), study("b")])

    runs = pipeline.intake()

    quarantined = [pipeline.run(run_id)["archive_source"]["quarantined"] for run_id in runs]
    assert sorted(quarantined) == [0, 1]


def test_an_unreadable_file_is_counted_once_though_a_worker_dies(pipeline: Pipeline) -> None:
    """It must not outlive its study's files, which say whose it is."""
    pipeline.upload("mixed", [study("a"), SampleFile("bad", b"no DICOM" * 40), study("b")])
    runs = sorted(pipeline.intake(), key=lambda run_id: quarantines(pipeline, run_id), reverse=True)
    with transports_of(Worker("remove incoming 1", "after")), pytest.raises(Killed):
        pipeline.run(runs[0])

    quarantined = [pipeline.run(run_id)["archive_source"]["quarantined"] for run_id in runs[::-1]]

    assert quarantined == [0, 1]


def quarantines(pipeline: Pipeline, run_id: str) -> bool:
    """Tell whether the unreadable file of a folder belongs to the run's study, which came first."""
    intake, state = pipeline.installation.intake, pipeline.installation.state
    claim = state.claim(parse_run_id(run_id).study_key)
    return len(intake.arrivals_of(claim.study_instance_uid, claim.versions[0].folders)) > 1


def test_second_round_starts_nothing_again(pipeline: Pipeline) -> None:
    pipeline.upload("ward", [study("a")])
    assert len(pipeline.intake()) == 1
    assert pipeline.intake() == []


def test_study_whose_run_was_not_started_is_found_again(pipeline: Pipeline) -> None:
    pipeline.upload("ward", [study("a")])
    first = pipeline.intake()
    pipeline.runs.clear()  # Airflow died before it stored the run
    assert pipeline.intake() == first


def test_late_images_open_the_next_version(pipeline: Pipeline) -> None:
    pipeline.upload("ward", [study("a", 1)])
    (first,) = pipeline.intake()
    pipeline.run(first)
    pipeline.upload("ward", [study("a", 2)])

    (second,) = pipeline.intake()
    results = pipeline.run(second)

    assert second == first.replace("__v1", "__v2")
    assert results["archive_source"]["analysed"] == 2, "the version is about the whole study"
    assert len(pipeline.resources("DiagnosticReport")) == 1
    assert pipeline.intake() == []


def test_images_that_arrive_during_the_import_are_not_lost(pipeline: Pipeline) -> None:
    pipeline.upload("ward", [study("a", 1)])
    (first,) = pipeline.intake()
    pipeline.seal(first)
    pipeline.upload("ward", [study("a", 2)])

    (second,) = pipeline.intake()

    assert pipeline.run(first)["archive_source"]["analysed"] == 1
    assert pipeline.run(second)["archive_source"]["analysed"] == 2


def test_study_that_another_system_stored_is_read(pipeline: Pipeline) -> None:
    """The store's notification is enough; nothing lies in the bucket."""
    content = hostile.valid("stored")
    pipeline.installation.dicomweb.store_instances(uid_of(content), [content], "a test")

    (run_id,) = pipeline.intake()
    pipeline.wait_quiet()
    results = pipeline.run(run_id)

    assert results["archive_source"]["analysed"] == 1


def test_own_results_start_nothing(pipeline: Pipeline) -> None:
    pipeline.upload("ward", nodule())
    (run_id,) = pipeline.intake()
    assert pipeline.run(run_id)["write_dicom_results"]["key_images"] == 1

    assert pipeline.intake() == []


def test_routine_studies_wait_for_room_and_urgent_ones_do_not(pipeline: Pipeline) -> None:
    pipeline.running = 8
    pipeline.upload("ward", [study("a"), study("b")])
    assert pipeline.intake() == []

    assert len(pipeline.request("incoming/ward/", "stat")) == 2
    pipeline.running = 7
    pipeline.upload("other", [study("c"), study("d")])
    assert len(pipeline.intake()) == 1


def test_request_by_uid_reads_a_study_again(pipeline: Pipeline) -> None:
    file = study("a")
    pipeline.process("ward", [file])

    (run_id,) = pipeline.request(uid_of(file.content), "urgent")

    assert run_id.endswith("__v2")
    assert pipeline.run(run_id)["archive_source"]["analysed"] == 1
    assert len(pipeline.resources("DiagnosticReport")) == 1


def test_request_that_is_read_again_means_the_same_version(pipeline: Pipeline) -> None:
    """Its task was cleared, or died before Airflow kept its answer; meanwhile the run went on."""
    pipeline.upload("ward", [study("a")])
    taken_over = pipeline.request("incoming/ward/", request="manual__1")
    pipeline.run(taken_over[0])
    assert pipeline.request(uid_of(study("a").content), request="manual__1") == taken_over

    opened = pipeline.request(uid_of(study("a").content), request="manual__2")
    pipeline.run(opened[0])
    assert pipeline.request(uid_of(study("a").content), request="manual__2") == opened != taken_over


@pytest.mark.parametrize("asked", ["incoming/", "incoming/none/", "1.2.3.4", "../x", "a/b"])
def test_request_for_nothing_says_so(pipeline: Pipeline, asked: str) -> None:
    with pytest.raises(PermanentError, match=r"study-not-found|prefix-invalid") as caught:
        pipeline.request(asked)
    assert asked == "incoming/" or asked not in caught.value.detail


@pytest.fixture
def deliver_again(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let what was not acknowledged come again at once, as if its deadline had passed."""
    pulled: list[str] = []
    pull = Subscription.pull

    def recorded(subscription: Subscription, count: int, timeout_seconds: float) -> list[Message]:
        messages = pull(subscription, count, timeout_seconds)
        pulled.extend(message.ack_id for message in messages)
        return messages

    monkeypatch.setattr(Subscription, "pull", recorded)
    return lambda: pipeline.installation.study_events.release(pulled)


def test_one_study_that_fails_holds_up_no_other(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, deliver_again: Callable[[], None]
) -> None:
    """Its message is not acknowledged, so that it is claimed once its fault is gone."""
    good, bad = hostile.valid("good"), hostile.valid("bad")
    for content in (good, bad):
        pipeline.installation.dicomweb.store_instances(uid_of(content), [content], "a test")
    pipeline.upload("ward", [study("a")])
    read = DicomWebClient.study_metadata

    def failing(client: DicomWebClient, study_instance_uid: str, subject: str) -> list[Any]:
        if study_instance_uid == uid_of(bad):
            raise problem("answer-malformed", "the answer is not JSON.")
        return read(client, study_instance_uid, subject)

    with monkeypatch.context() as fault:
        fault.setattr(DicomWebClient, "study_metadata", failing)
        assert len(pipeline.intake()) == 2
    deliver_again()

    assert len(pipeline.intake()) == 1


def test_message_stays_until_the_store_lists_its_instance(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, deliver_again: Callable[[], None]
) -> None:
    """The store's index may follow later, and without permission the store looks empty."""
    content = hostile.valid("stored")
    pipeline.installation.dicomweb.store_instances(uid_of(content), [content], "a test")

    with monkeypatch.context() as lag:
        lag.setattr(DicomWebClient, "study_metadata", lambda *_: [])
        assert pipeline.intake() == []
    deliver_again()

    assert len(pipeline.intake()) == 1


def test_requested_routine_study_waits_for_room_and_can_be_hastened(pipeline: Pipeline) -> None:
    pipeline.running = 8
    pipeline.upload("ward", [study("a")])
    assert pipeline.request("incoming/ward/") == []
    assert pipeline.intake() == []

    (run_id,) = pipeline.request("incoming/ward/", "stat")

    assert run_id.endswith("__v1")
    assert pipeline.run(run_id)["archive_source"]["analysed"] == 1
    assert pipeline.intake() == []


def test_requested_routine_study_is_started_by_intake_once_there_is_room(
    pipeline: Pipeline,
) -> None:
    pipeline.running = 8
    pipeline.upload("ward", [study("a")])
    assert pipeline.request("incoming/ward/") == []

    pipeline.running = 0

    assert len(pipeline.intake()) == 1
