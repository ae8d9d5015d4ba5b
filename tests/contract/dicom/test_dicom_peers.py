"""What the DICOMweb standard demands of every server, here of this one and of Debian's Orthanc.

Not asked of Orthanc 1.10.1 with DICOMweb 1.7, as it does otherwise than the standard or crashes:

- percent-encoded text in a query: it compares the text as it was sent
- ``application/dicom`` and ``application/octet-stream`` as single parts: 400
- another transfer syntax for 16 bits, and a frame as ``image/jls``: the process dies
- the same instance with other bytes: 200, and the first is kept
- DELETE: the standard has none, and it answers 405
- a search for nothing, an unknown parameter, a limit out of range: it takes every one
- 406 for what it cannot answer in: 400
"""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid
from tests.contract.dicom.files import ct_series, ct_slice, encoded
from tests.contract.dicom.orthanc import COMMAND, start_orthanc
from tests.contract.dicom.peers import Peer
from tests.contract.dicom.stores import DicomStore, path_of

PART18 = "https://dicom.nema.org/medical/dicom/current/output/html/part18.html"
STORE = f"{PART18}#sect_10.5"
SEARCH = f"{PART18}#sect_10.6"
RETRIEVE = f"{PART18}#sect_10.4"
FAILED, REFERENCED = "00081198", "00081199"
OCTETS = 'multipart/related; type="application/octet-stream"'
AS_STORED = 'multipart/related; type="application/dicom"; transfer-syntax=*'


@pytest.fixture(scope="module")
def orthanc() -> Iterator[Peer]:
    with start_orthanc() as running:
        yield Peer("orthanc", running.url)


@pytest.fixture(params=["localcloud", pytest.param("orthanc", marks=pytest.mark.needs(COMMAND))])
def peer(request: pytest.FixtureRequest) -> Peer:
    """One server after the other; use studies of your own in it."""
    if request.param == "orthanc":
        return request.getfixturevalue("orthanc")
    store: DicomStore = request.getfixturevalue("store")
    return Peer("localcloud", store.url)


def uids(dataset: Dataset) -> tuple[str, str, str]:
    return dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID


def found_uids(items: list[dict[str, dict[str, list[str]]]], tag: str) -> list[str]:
    return [item[tag]["Value"][0] for item in items]


@pytest.mark.rule("dicom.standard.store", STORE)
def test_stored_instances_are_named_in_the_answer(peer: Peer) -> None:
    slices = ct_series(3)
    answer = peer.web.store_instances(slices)
    stored = [item.ReferencedSOPInstanceUID for item in answer.ReferencedSOPSequence]
    assert sorted(stored) == sorted(dataset.SOPInstanceUID for dataset in slices)
    assert answer.RetrieveURL.endswith(path_of(slices[0], 1))
    assert all("/instances/" in item.RetrieveURL for item in answer.ReferencedSOPSequence)


@pytest.mark.rule("dicom.standard.store.partial", STORE)
def test_one_damaged_file_does_not_cost_the_others(peer: Peer) -> None:
    good = ct_series(1)[0]
    answer = peer.stow([encoded(good), b"not a DICOM file"])
    # The standard has 202 for this, Google 409 for any failure, Orthanc 400.
    assert answer.status_code in (202, 400, 409)
    stored = answer.json()[REFERENCED]["Value"]
    assert [item["00081155"]["Value"] for item in stored] == [[good.SOPInstanceUID]]
    assert peer.get(f"{path_of(good)}/metadata").status_code == 200


@pytest.mark.rule("dicom.standard.store.again", STORE)
def test_the_same_file_again_is_no_error(peer: Peer) -> None:
    dataset = ct_series(1)[0]
    for _ in range(2):
        assert peer.stow([encoded(dataset)]).status_code == 200
    found = peer.get(f"{path_of(dataset, 1)}/instances").json()
    assert found_uids(found, "00080018") == [dataset.SOPInstanceUID]


@pytest.mark.rule("dicom.standard.store.study", STORE)
def test_a_study_takes_no_instance_of_another(peer: Peer) -> None:
    mine, other = ct_series(1)[0], ct_series(1)[0]
    answer = peer.stow([encoded(mine), encoded(other)], path_of(mine, 1))
    failed = answer.json()[FAILED]["Value"]
    assert [item["00081155"]["Value"] for item in failed] == [[other.SOPInstanceUID]]
    assert peer.get(f"{path_of(other, 1)}/metadata").status_code == 404


@pytest.mark.rule("dicom.standard.search.levels", SEARCH)
def test_searches_lead_from_study_to_series_to_instances(peer: Peer) -> None:
    first = ct_series(2)
    second = ct_slice(first[0].StudyInstanceUID, generate_uid(), Modality="MR")
    peer.put(*first, second)
    study = first[0].StudyInstanceUID
    series = peer.web.search_for_series(study)
    assert sorted(found_uids(series, "0020000E")) == sorted(
        [first[0].SeriesInstanceUID, second.SeriesInstanceUID]
    )
    assert sorted(found_uids(series, "00080060")) == ["CT", "MR"]
    assert len(peer.web.search_for_instances(study)) == 3
    assert len(peer.web.search_for_instances(study, first[0].SeriesInstanceUID)) == 2


@pytest.mark.rule("dicom.standard.search.exact", SEARCH)
@pytest.mark.parametrize(
    "keyword", ["StudyInstanceUID", "PatientID", "AccessionNumber", "PatientName", "StudyDate"]
)
@pytest.mark.parametrize("as_tag", [False, True])
def test_studies_are_found_by_keyword_or_tag(peer: Peer, keyword: str, as_tag: bool) -> None:
    unique = generate_uid().rsplit(".", 1)[1][:12]
    date = {"StudyDate": f"19{unique[:2]}0{1 + int(unique[2]) % 9}1{unique[3]}"}
    names = {"PatientID": unique, "AccessionNumber": unique, "PatientName": f"N{unique}"}
    dataset = ct_series(1, **names, **date)[0]
    peer.put(dataset, ct_series(1, StudyDate="20200101")[0])
    name = f"{pydicom.datadict.tag_for_keyword(keyword):08X}" if as_tag else keyword
    found = peer.get("/studies", **{name: str(dataset[keyword].value)}).json()
    assert dataset.StudyInstanceUID in found_uids(found, "0020000D")
    assert len(found) == 1 or keyword == "StudyDate"


@pytest.mark.rule("dicom.standard.search.range", SEARCH)
def test_a_range_of_dates_has_both_ends(peer: Peer) -> None:
    patient = generate_uid().rsplit(".", 1)[1][:16]
    days = ["19990103", "19990104", "19990105", "19990106"]
    slices = [ct_series(1, StudyDate=day, PatientID=patient)[0] for day in days]
    peer.put(*slices)
    for query, expected in (
        ("19990104-19990105", days[1:3]),
        ("-19990104", days[:2]),
        ("19990105-", days[2:]),
    ):
        found = peer.get("/studies", StudyDate=query, PatientID=patient).json()
        assert sorted(found_uids(found, "00080020")) == expected


@pytest.mark.rule("dicom.standard.search.paging", SEARCH)
def test_pages_together_are_the_whole(peer: Peer) -> None:
    slices = ct_series(5)
    peer.put(*slices)
    path = f"{path_of(slices[0], 1)}/instances"
    pages = [peer.get(path, limit="2", offset=str(start)).json() for start in (0, 2, 4)]
    assert [len(page) for page in pages] == [2, 2, 1]
    seen = [uid for page in pages for uid in found_uids(page, "00080018")]
    assert sorted(seen) == sorted(dataset.SOPInstanceUID for dataset in slices)


@pytest.mark.rule("dicom.standard.search.include", SEARCH)
def test_further_fields_come_when_asked_for(peer: Peer) -> None:
    dataset = ct_series(1)[0]
    peer.put(dataset)
    query = {"StudyInstanceUID": dataset.StudyInstanceUID}
    (found,) = peer.get("/studies", includefield="StudyDescription", **query).json()
    assert found["00081030"]["Value"] == ["CHEST"]
    (found,) = peer.get("/studies", includefield="00081030", **query).json()
    assert found["00081030"]["Value"] == ["CHEST"]


@pytest.mark.rule("dicom.standard.search.nothing", SEARCH)
def test_nothing_found_is_no_error(peer: Peer) -> None:
    answer = peer.get("/studies", StudyInstanceUID=generate_uid())
    assert answer.status_code in (200, 204)
    assert not answer.content or answer.json() == []


@pytest.mark.rule("dicom.standard.retrieve", RETRIEVE)
def test_a_series_comes_back_as_it_was_stored(peer: Peer) -> None:
    slices = ct_series(4)
    peer.put(*slices)
    study, series, _ = uids(slices[0])
    found = {item.SOPInstanceUID: item for item in peer.web.retrieve_series(study, series)}
    assert len(peer.web.retrieve_study(study)) == 4
    for dataset in slices:
        assert found[dataset.SOPInstanceUID].PixelData == dataset.PixelData
    answer = peer.get(path_of(slices[0], 2), accept=AS_STORED)
    assert answer.headers["content-type"].startswith("multipart/related")
    assert all(encoded(dataset) in answer.content for dataset in slices)


@pytest.mark.rule("dicom.standard.retrieve.metadata", RETRIEVE)
def test_metadata_is_the_dicom_json_model(peer: Peer) -> None:
    slices = ct_series(2)
    peer.put(*slices)
    for path in (path_of(slices[0], 1), path_of(slices[0], 2)):
        found = peer.get(f"{path}/metadata").json()
        assert len(found) == 2
        dataset = Dataset.from_json(found[0], lambda *_: b"")
        assert dataset.PatientName == slices[0].PatientName
        assert dataset.StudyDate == slices[0].StudyDate
        assert float(dataset.RescaleIntercept) == -1024
        assert "BulkDataURI" in found[0]["7FE00010"]


@pytest.mark.rule("dicom.standard.retrieve.bulk_data", RETRIEVE)
def test_pixels_are_where_the_metadata_says(peer: Peer) -> None:
    dataset = ct_series(1)[0]
    peer.put(dataset)
    (found,) = peer.get(f"{path_of(dataset)}/metadata").json()
    (pixels,) = peer.parts(found["7FE00010"]["BulkDataURI"], OCTETS)
    assert pixels == dataset.PixelData


@pytest.mark.rule("dicom.standard.retrieve.frames", RETRIEVE)
def test_frames_are_counted_from_one(peer: Peer) -> None:
    pixels = np.arange(3 * 32 * 32, dtype="<u2")
    dataset = ct_series(1, NumberOfFrames=3, PixelData=pixels.tobytes())[0]
    peer.put(dataset)
    frames = pixels.reshape(3, -1)
    for number in (1, 3):
        (frame,) = peer.parts(f"{peer.url}{path_of(dataset)}/frames/{number}", OCTETS)
        assert frame == frames[number - 1].tobytes()


@pytest.mark.rule("dicom.standard.retrieve.rendered", RETRIEVE)
@pytest.mark.parametrize("kind", ["image/png", "image/jpeg"])
def test_a_slice_is_rendered_with_its_window(peer: Peer, kind: str) -> None:
    dataset = ct_series(1)[0]
    peer.put(dataset)
    picture = peer.web.retrieve_instance_rendered(*uids(dataset), media_types=(kind,))
    grey = np.asarray(Image.open(io.BytesIO(picture)).convert("L"))
    assert grey.shape == (dataset.Rows, dataset.Columns)
    assert grey[0, 0] < 10
    assert grey[4, 12] > 245


@pytest.mark.rule("dicom.standard.retrieve.missing", RETRIEVE)
def test_what_is_not_there_is_not_found(peer: Peer) -> None:
    dataset = ct_series(1)[0]
    for depth in (1, 2, 3):
        assert peer.get(f"{path_of(dataset, depth)}/metadata").status_code == 404
