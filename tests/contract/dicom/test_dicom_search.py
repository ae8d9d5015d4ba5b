"""The Search transaction (QIDO-RS): what can be searched, what comes back, how much."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid
from tests.contract.dicom.files import ct_series, ct_slice
from tests.contract.dicom.stores import DicomStore, path_of

CONFORMANCE = "https://cloud.google.com/healthcare-api/docs/dicom#search_transaction"


@pytest.fixture
def studies(store: DicomStore) -> list[Dataset]:
    """One instance of each of three studies of two patients."""
    first = ct_series(2)
    second = ct_series(1, PatientID="P-2", PatientName="Müller^Jörg", StudyDate="20260203")
    third = ct_series(1, AccessionNumber="A-3", StudyDate="20260304", Modality="MR")
    second[0].SpecificCharacterSet = "ISO_IR 192"
    store.put(*first, *second, *third)
    return [first[0], second[0], third[0]]


def study_uids(store: DicomStore, **query: str) -> list[str]:
    """Search for studies and return their UIDs."""
    answer = store.get("/studies", **query)
    assert answer.status_code == 200, answer.text
    return [item["0020000D"]["Value"][0] for item in answer.json()]


@pytest.mark.rule("dicom.search.attributes", CONFORMANCE)
@pytest.mark.parametrize(
    ("attribute", "value", "expected"),
    [
        ("PatientID", "P-2", [1]),
        ("00100020", "P-1", [0, 2]),
        ("PatientName", "Müller^Jörg", [1]),
        ("PatientName", "Phantom*", []),
        ("AccessionNumber", "A-3", [2]),
        ("ReferringPhysicianName", "Ref^Erring", [0, 1, 2]),
        ("StudyDate", "20260203", [1]),
        ("StudyDate", "20260102-20260203", [0, 1]),
        ("StudyDate", "20260203-", [1, 2]),
        ("StudyDate", "-20260203", [0, 1]),
        ("PatientID", "", [0, 1, 2]),
    ],
)
def test_studies_are_found_by_google_s_attributes(
    store: DicomStore, studies: list[Dataset], attribute: str, value: str, expected: list[int]
) -> None:
    wanted = [studies[number].StudyInstanceUID for number in expected]
    assert study_uids(store, **{attribute: value}) == wanted


@pytest.mark.rule("dicom.search.uids", CONFORMANCE)
def test_uids_lead_to_the_levels_below(store: DicomStore, studies: list[Dataset]) -> None:
    first = studies[0]
    assert len(study_uids(store, StudyInstanceUID=first.StudyInstanceUID)) == 1
    assert len(store.web.search_for_series(first.StudyInstanceUID)) == 1
    found = store.web.search_for_instances(first.StudyInstanceUID, first.SeriesInstanceUID)
    assert len(found) == 2
    assert len(store.web.search_for_instances()) == 4
    by_uid = {"SOPInstanceUID": first.SOPInstanceUID}
    assert len(store.web.search_for_instances(search_filters=by_uid)) == 1
    assert len(store.web.search_for_series(search_filters={"Modality": "MR"})) == 1


@pytest.mark.rule("dicom.search.unsupported", CONFORMANCE)
@pytest.mark.parametrize(
    ("path", "attribute"),
    [
        ("/studies", "ModalitiesInStudy"),
        ("/studies", "StudyDescription"),
        ("/studies", "Modality"),
        ("/series", "BodyPartExamined"),
        ("/series", "SOPInstanceUID"),
        ("/instances", "InstanceNumber"),
        ("/studies", "NoSuchAttribute"),
    ],
)
def test_other_attributes_cannot_be_searched(store: DicomStore, path: str, attribute: str) -> None:
    answer = store.get(path, **{attribute: "1"})
    assert answer.status_code == 400
    assert attribute in answer.json()["error"]["message"]


@pytest.mark.rule("dicom.search.fuzzy", CONFORMANCE)
@pytest.mark.parametrize(
    ("name", "count"), [("phan an", 2), ("ANNA", 2), ("antom", 0), ("jor", 1), ("phan x", 2)]
)
def test_fuzzy_matching_takes_beginnings_of_name_parts(
    store: DicomStore, studies: list[Dataset], name: str, count: int
) -> None:
    assert len(study_uids(store, PatientName=name, fuzzymatching="true")) == count
    assert study_uids(store, PatientName=name) == []


@pytest.mark.rule("dicom.search.default_fields", CONFORMANCE)
def test_counts_and_descriptions_come_only_when_asked_for(
    store: DicomStore, studies: list[Dataset]
) -> None:
    query = {"StudyInstanceUID": studies[0].StudyInstanceUID}
    (plain,) = store.get("/studies", **query).json()
    assert {"00100010", "00100020", "00080020", "0020000D"} <= plain.keys()
    assert not {"00081030", "00201208", "00080061"} & plain.keys()
    names = "StudyDescription,NumberOfStudyRelatedInstances,00080061"
    (full,) = store.get("/studies", includefield=names, **query).json()
    assert full["00081030"]["Value"] == ["CHEST"]
    assert full["00201208"]["Value"] == [2]
    assert full["00080061"]["Value"] == ["CT"]
    (series,) = store.get(f"{path_of(studies[0], 1)}/series").json()
    assert "00200011" not in series
    (series,) = store.get(f"{path_of(studies[0], 1)}/series", includefield="all").json()
    assert series["00200011"]["Value"] == [4]
    assert "00200013" not in series, "an instance's attribute is not its series'"
    assert store.get("/studies", includefield="NoSuchAttribute").status_code == 400


@pytest.mark.rule("dicom.search.all_fields", CONFORMANCE)
def test_all_fields_of_an_instance_leave_out_bulk_data(store: DicomStore) -> None:
    dataset = ct_series(1)[0]
    store.put(dataset)
    (found,) = store.get("/instances", includefield="all").json()
    assert found["00281050"]["Value"] == [40.0]
    assert "7FE00010" not in found


@pytest.mark.rule("dicom.search.words", "https://github.com/imi-bigpicture/wsidicom/pull/149")
def test_refusals_are_in_the_words_that_clients_look_for(store: DicomStore) -> None:
    def message(path: str, **query: str) -> str:
        answer = store.get(path, **query)
        assert answer.status_code == 400
        return str(answer.json()["error"]["message"])

    filtered = message("/instances", SOPClassUID="1.2.840.10008.5.1.4.1.1.77.1.6")
    assert "SOPClassUID is not a supported instance" in filtered
    included = message("/instances", includefield="AvailableTransferSyntaxUID")
    assert "unknown/unsupported QIDO attribute: AvailableTransferSyntaxUID" in included
    assert "unknown/unsupported QIDO attribute: Nonsense" in message("/studies", Nonsense="1")


@pytest.mark.rule("dicom.search.fields", CONFORMANCE)
def test_each_level_has_its_default_fields(store: DicomStore) -> None:
    store.put(ct_series(1, SeriesDescription="AXIAL", StudyID="S-1", PatientSex="O")[0])
    (study,) = store.get("/studies").json()
    assert study["00080056"]["Value"] == ["ONLINE"]
    assert {"00080020", "00080030", "00080050", "00080090", "00100030", "00200010"} <= study.keys()
    (series,) = store.get("/series").json()
    assert {"00080060", "0008103E", "0020000E"} <= series.keys()
    assert not {"00200011", "00100010"} & series.keys()
    (instance,) = store.get("/instances").json()
    numbers = {"00280010": 32, "00280011": 32, "00280100": 16, "00200013": 1}
    assert {tag: instance[tag]["Value"][0] for tag in numbers} == numbers
    assert instance["00080056"]["Value"] == ["ONLINE"]


@pytest.mark.rule("dicom.search.all_fields.levels", CONFORMANCE)
def test_all_fields_of_a_study_are_those_of_google_s_list(store: DicomStore) -> None:
    given = {"InstitutionName": "North", "PatientWeight": 70, "BodyPartExamined": "CHEST"}
    store.put(ct_series(1, Laterality="L", **given)[0])
    (study,) = store.get("/studies", includefield="all").json()
    assert study["00080080"]["Value"] == ["North"]
    assert study["00081030"]["Value"] == ["CHEST"]
    assert "00101030" not in study
    (series,) = store.get("/series", includefield="all").json()
    assert series["00200060"]["Value"] == ["L"]
    assert "00180015" not in series


@pytest.mark.rule("dicom.search.dates", CONFORMANCE)
@pytest.mark.parametrize("value", ["2026-01-02", "20260102-2026", "-", "x-y", "2026010-20260103"])
def test_a_range_of_anything_but_dates_is_refused(store: DicomStore, value: str) -> None:
    answer = store.get("/studies", StudyDate=value)
    assert answer.status_code == 400
    assert "StudyDate" in answer.json()["error"]["message"]


@pytest.mark.rule("dicom.search.once", CONFORMANCE)
def test_an_attribute_has_one_value(store: DicomStore, studies: list[Dataset]) -> None:
    assert store.get("/studies?PatientID=P-1&PatientID=P-2").status_code == 400
    assert store.get("/studies?PatientID=P-1&00100020=P-2").status_code == 400
    both = f"{studies[0].StudyInstanceUID},{studies[1].StudyInstanceUID}"
    assert study_uids(store, StudyInstanceUID=both) == []


@pytest.mark.rule("dicom.search.encoded", "https://www.rfc-editor.org/rfc/rfc3986#section-2.1")
def test_a_query_may_be_percent_encoded_in_any_way(
    store: DicomStore, studies: list[Dataset]
) -> None:
    found = store.get("/studies?%50atientID=%50%2D2").json()
    assert [item["0020000D"]["Value"][0] for item in found] == [studies[1].StudyInstanceUID]


@pytest.mark.rule("dicom.search.paging", CONFORMANCE)
def test_results_are_paged_without_a_warning(store: DicomStore) -> None:
    slices = ct_series(7)
    store.put(*slices)
    seen: list[str] = []
    while True:
        answer = store.get("/instances", limit="3", offset=str(len(seen)))
        assert "warning" not in answer.headers
        page = [item["00080018"]["Value"][0] for item in answer.json()]
        seen += page
        if len(page) < 3:
            break
    assert sorted(seen) == sorted(dataset.SOPInstanceUID for dataset in slices)


@pytest.mark.rule("dicom.search.default_limit", CONFORMANCE)
def test_a_hundred_series_come_by_default(store: DicomStore) -> None:
    study = generate_uid()
    store.put(*(ct_slice(study, generate_uid()) for _ in range(101)))
    assert len(store.get(f"/studies/{study}/series").json()) == 100
    assert len(store.get(f"/studies/{study}/series", limit="5000").json()) == 101


@pytest.mark.rule("dicom.search.limits", CONFORMANCE)
@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/studies", {"limit": "5001"}),
        ("/instances", {"limit": "50001"}),
        ("/studies", {"limit": "-1"}),
        ("/studies", {"limit": "ten"}),
        ("/studies", {"offset": "1000001"}),
    ],
)
def test_a_page_out_of_range_is_refused(
    store: DicomStore, path: str, query: dict[str, str]
) -> None:
    assert store.get(path, **query).status_code == 400


@pytest.mark.rule("dicom.search.empty", CONFORMANCE)
def test_nothing_found_is_an_empty_list(store: DicomStore) -> None:
    answer = store.get("/studies", PatientID="NOBODY")
    assert (answer.status_code, answer.json()) == (200, [])
    assert answer.headers["content-type"] == "application/dicom+json"
    assert store.get(f"/studies/{generate_uid()}/series").json() == []


@pytest.mark.rule(
    "dicom.search.discovery_client",
    "https://cloud.google.com/apis/docs/system-parameters",
)
def test_google_s_client_searches_too(store: DicomStore, studies: list[Dataset]) -> None:
    request = store.stores.searchForStudies(parent=store.name, dicomWebPath="studies")
    request.uri += "&PatientID=P-2"
    (found,) = request.execute()
    assert found["0020000D"]["Value"] == [studies[1].StudyInstanceUID]
