"""Objects go to the DICOM store in one request, and headers come from it in as few as pay."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import requests
from pydicom import Dataset
from tests.contract.conftest import RunningCloud
from tests.core.pixels.cases import file_of, image
from tests.operators.pipeline import Pipeline

from wetread.core.errors import PermanentError, RetriableError
from wetread.core.findings import ImageReference
from wetread.gcp.dicomweb import DicomWebClient
from wetread.gcp.http import HttpApi
from wetread.gcp.instance_headers import InstanceHeaders, data_set

STORE = "healthcare.projects.locations.datasets.dicomStores.studies.storeInstances"
PIXELS = np.zeros((4, 4), np.uint16)


def instance(study: str, number: int = 1, **attributes: Any) -> Dataset:
    """Return the image with this number in the only series of a study."""
    header = {"Modality": "CT", "InstanceNumber": number, "PatientName": "Sample^Patient"}
    dataset = image(PIXELS, **{**header, **attributes})
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study, f"{study}.1"
    dataset.SOPInstanceUID = f"{study}.1.{number}"
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    return dataset


class CountingSession(requests.Session):
    """Counts what is asked for, by the last level that the address names."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: Counter[str] = Counter()

    def request(self, method: Any, url: Any, *args: Any, **options: Any) -> requests.Response:
        path = str(url).removesuffix("/metadata")
        kind = "metadata" if str(url).endswith("/metadata") else "file"
        self.asked[f"{path.split('/')[-2]} {kind}"] += 1
        return super().request(method, url, *args, **options)


def client(pipeline: Pipeline, cloud: RunningCloud, session: requests.Session) -> DicomWebClient:
    store = pipeline.installation.dataset.dicom_store(pipeline.installation.settings.dicom_store)
    return DicomWebClient(HttpApi(session, f"{cloud.healthcare}/v1"), store)


def test_what_one_instance_meets_does_not_keep_the_others_out(shared_pipeline: Pipeline) -> None:
    dicomweb, study = shared_pipeline.installation.dicomweb, "1.2.7001"
    files = [file_of(instance(study, number)) for number in range(1, 4)]
    assert dicomweb.store_instances(study, files[:1], "it") == ()
    other = file_of(instance(study, 1, PatientName="Another^Patient"))

    refused = dicomweb.store_instances(study, [other, *files[1:]], "it")

    assert [(item.sop_instance_uid, item.failure_reason) for item in refused] == [
        (f"{study}.1.1", 0x0110)
    ]
    assert dicomweb.instance_uids(study, "it") == {f"{study}.1.{n}" for n in range(1, 4)}
    assert dicomweb.store_instances(study, files, "it") == (), "the same bytes are no conflict"


def test_what_is_no_instance_is_refused_without_a_name(shared_pipeline: Pipeline) -> None:
    dicomweb, study = shared_pipeline.installation.dicomweb, "1.2.7002"
    files = [b"no DICOM", file_of(instance(study))]

    (refused,) = dicomweb.store_instances(study, files, "it")

    assert refused.sop_instance_uid == ""
    assert dicomweb.instance_uids(study, "it") == {f"{study}.1.1"}


def test_an_answer_that_is_lost_is_asked_for_again(
    shared_pipeline: Pipeline, shared_cloud: RunningCloud
) -> None:
    study = "1.2.7003"
    shared_cloud.fault(STORE, status=503, after=True)

    refused = shared_pipeline.installation.dicomweb.store_instances(
        study, [file_of(instance(study))], "it"
    )

    assert refused == ()
    assert shared_cloud.admin("GET", "faults") == [], "the fault was never met"


@pytest.mark.parametrize("body", [b"{}", b"[]", b"no JSON", b'{"00081198": {"vr": "SQ"}}'])
def test_a_refusal_that_names_nothing_is_asked_for_again_later(body: bytes) -> None:
    class Garbled(requests.Session):
        def request(self, *_: Any, **__: Any) -> requests.Response:
            answer = requests.Response()
            answer.status_code, answer._content = 409, body
            return answer

    dicomweb = DicomWebClient(HttpApi(Garbled(), "http://store.invalid/v1"), "store")
    with pytest.raises(RetriableError, match="answer-malformed"):
        dicomweb.store_instances("1.2.3", [b""], "it")


@pytest.mark.parametrize(
    ("held", "wanted", "asked"),
    [
        (12, 1, {"instances metadata": 1}),
        (12, 2, {"series metadata": 1}),
        (3, 3, {"series metadata": 1}),
    ],
)
def test_headers_are_read_by_instance_where_few_of_many_are_needed(
    shared_pipeline: Pipeline, shared_cloud: RunningCloud, held: int, wanted: int, asked: Any
) -> None:
    study = f"1.2.7004.{held}.{wanted}"
    images = [instance(study, number) for number in range(1, held + 1)]
    session = CountingSession()
    dicomweb = client(shared_pipeline, shared_cloud, session)
    dicomweb.store_instances(study, [file_of(one) for one in images], "it")
    session.asked.clear()
    headers = InstanceHeaders(dicomweb, study, {f"{study}.1": held}, 4, "it")

    found = headers.read([reference(one) for one in images[:wanted]])

    assert session.asked == asked
    assert list(found) == [one.SOPInstanceUID for one in images[:wanted]]
    for one in images[:wanted]:
        stored = found[one.SOPInstanceUID]
        del one.PixelData
        assert {e.keyword: e.value for e in one} == {
            e.keyword: e.value for e in stored if e.keyword != "AvailableTransferSyntaxUID"
        }


def test_functional_groups_that_metadata_leave_out_are_read_from_the_file(
    shared_pipeline: Pipeline, shared_cloud: RunningCloud
) -> None:
    """Google's metadata lack a sequence of more than 1 MiB; the image is useless without."""
    study, frames = "1.2.7005", 4000
    dataset = instance(study, SharedFunctionalGroupsSequence=[Dataset()])
    dataset.NumberOfFrames = frames
    dataset.PixelData = b"\0" * (PIXELS.nbytes * frames)
    dataset.PerFrameFunctionalGroupsSequence = [frame(number) for number in range(frames)]
    session = CountingSession()
    dicomweb = client(shared_pipeline, shared_cloud, session)
    dicomweb.store_instances(study, [file_of(dataset)], "it")
    metadata = dicomweb.instance_metadata(study, f"{study}.1", f"{study}.1.1", "it")
    assert metadata is not None
    assert "52009230" not in metadata, "the store left nothing out"
    headers = InstanceHeaders(dicomweb, study, {f"{study}.1": 1}, 4, "it")

    (header,) = headers.read([reference(dataset)]).values()

    groups = header.PerFrameFunctionalGroupsSequence
    assert [g.PlanePositionSequence[0].ImagePositionPatient[2] for g in groups] == [*range(frames)]
    assert "PixelData" not in header


def test_an_image_that_the_store_does_not_hold_is_named_by_its_row(
    shared_pipeline: Pipeline,
) -> None:
    study = "1.2.7006"
    dicomweb = shared_pipeline.installation.dicomweb
    dicomweb.store_instances(study, [file_of(instance(study))], "it")
    headers = InstanceHeaders(dicomweb, study, {f"{study}.1": 1}, 4, "k1-x v1 s01 vision")
    absent = replace(reference(instance(study)), sop_instance_uid=f"{study}.1.2")

    with pytest.raises(PermanentError) as raised:
        headers.read([absent])

    assert raised.value.code == "not-found"
    assert "k1-x v1 s01 vision" in str(raised.value)
    assert study not in str(raised.value)


def test_a_value_of_the_wrong_type_is_an_absent_one() -> None:
    header = data_set(
        {
            "00080018": {"vr": "UI", "Value": ["1.2.3"]},
            "00200013": {"vr": "IS", "Value": ["first"]},
            "00282000": {"vr": "OB", "BulkDataURI": "http://store.invalid/bulkdata"},
        }
    )
    assert header.SOPInstanceUID == "1.2.3"
    assert "ICCProfile" not in header
    assert "InstanceNumber" not in header


def reference(dataset: Dataset) -> ImageReference:
    return ImageReference(dataset.SeriesInstanceUID, dataset.SOPInstanceUID, dataset.SOPClassUID)


def frame(number: int) -> Dataset:
    """Return the functional groups of a frame at its place along the patient."""
    position, groups = Dataset(), Dataset()
    position.ImagePositionPatient = [0, 0, number]
    content = Dataset()
    content.FrameComments = "As long as comments are in practice, and then somewhat longer. " * 3
    groups.PlanePositionSequence, groups.FrameContentSequence = [position], [content]
    return groups
