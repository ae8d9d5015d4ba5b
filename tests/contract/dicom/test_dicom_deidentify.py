"""De-identifying headers: profiles, lists, UIDs, text in values, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.cloud import storage
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import generate_uid
from tests.contract.dicom.deidentified import (
    MINIMAL,
    SECRETS,
    deidentify,
    files_of,
    new_store,
    only,
    read,
    refused,
)
from tests.contract.dicom.files import ct_series, shipped
from tests.contract.dicom.stores import DicomStore
from tests.contract.pubsub.clients import Clients

GUIDE = "https://cloud.google.com/healthcare-api/docs/how-tos/dicom-deidentify"
REST = "https://cloud.google.com/healthcare-api/docs/reference/rest/v1"
METHOD = f"{REST}/projects.locations.datasets.dicomStores/deidentify"
CONFIG = f"{REST}/DeidentifyConfig"
PS3_15 = "https://dicom.nema.org/medical/dicom/current/output/chtml/part15/chapter_E.html"
INVALID_ARGUMENT, NOT_FOUND, UNKNOWN = 3, 5, 2
BASIC = {"dicom": {"filterProfile": "ATTRIBUTE_CONFIDENTIALITY_BASIC_PROFILE"}}
KEEP_ALL = {"dicom": {"filterProfile": "KEEP_ALL_PROFILE"}}

# An image in each encoding, and objects without one.
KINDS = (
    "CT_small.dcm",
    "ExplVR_BigEnd.dcm",
    "MR_small_implicit.dcm",
    "image_dfl.dcm",
    "JPEG2000.dcm",
    "SC_rgb_jpeg_dcmtk.dcm",
    "liver_1frame.dcm",
    "rtplan.dcm",
    "rtdose.dcm",
    "reportsi.dcm",
    "waveform_ecg.dcm",
    "examples_overlay.dcm",
)


def uids(dataset: Dataset) -> tuple[str, str, str]:
    return dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID


@pytest.mark.rule("dicom.deidentify.minimal", GUIDE)
@pytest.mark.rule("dicom.deidentify.counters", METHOD)
def test_the_minimal_keep_list_leaves_nothing_of_the_patient(store: DicomStore) -> None:
    slices = ct_series(3)
    store.put(*slices)
    operation, files = deidentify(store, config=MINIMAL)
    assert operation["metadata"]["counter"] == {"success": "3"}
    assert operation["response"]["@type"].endswith("DeidentifyDicomStoreSummary")
    assert len(files) == 3
    originals = {uid.encode() for item in slices for uid in uids(item)}
    for file in files:
        assert not [secret for secret in {*SECRETS, *originals} if secret in file]
        assert "StudyDescription" not in read(file)
    pixels = {read(file).pixel_array.tobytes() for file in files}
    assert pixels == {item.PixelData for item in slices}


@pytest.mark.rule("dicom.deidentify.uids", GUIDE)
def test_new_uids_are_the_same_for_the_same_old_ones(store: DicomStore) -> None:
    first, second = ct_series(2)
    reference = Dataset()
    reference.ReferencedSOPClassUID = first.SOPClassUID
    reference.ReferencedSOPInstanceUID = first.SOPInstanceUID
    second.ReferencedImageSequence = Sequence([reference])
    store.put(first, second)
    _, files = deidentify(store, config=KEEP_ALL)
    new_first, new_second = map(read, files)
    assert new_first.StudyInstanceUID == new_second.StudyInstanceUID != first.StudyInstanceUID
    assert new_first.SeriesInstanceUID == new_second.SeriesInstanceUID != first.SeriesInstanceUID
    assert new_first.SOPInstanceUID != first.SOPInstanceUID
    assert new_first.file_meta.MediaStorageSOPInstanceUID == new_first.SOPInstanceUID
    referenced = new_second.ReferencedImageSequence[0].ReferencedSOPInstanceUID
    assert referenced == new_first.SOPInstanceUID, "references follow"
    _, again = deidentify(store, config=KEEP_ALL)
    assert read(again[0]).SOPInstanceUID != new_first.SOPInstanceUID, "each operation has its own"


@pytest.mark.rule("dicom.deidentify.skip_ids", CONFIG)
def test_uids_stay_when_their_redaction_is_skipped(store: DicomStore) -> None:
    (dataset,) = ct_series(1)
    store.put(dataset)
    config = {"dicom": {**MINIMAL["dicom"], "skipIdRedaction": True}}
    _, files = deidentify(store, config=config)
    assert uids(only(files)) == uids(dataset)
    assert "PatientName" not in only(files)


@pytest.mark.rule("dicom.deidentify.keep_list", GUIDE)
def test_a_keep_list_keeps_its_tags_by_keyword_or_number(store: DicomStore) -> None:
    (dataset,) = ct_series(1)
    store.put(dataset)
    config = {"dicom": {"keepList": {"tags": ["Modality", "00081030"]}}}
    _, files = deidentify(store, config=config)
    kept = only(files)
    assert (kept.Modality, kept.StudyDescription) == ("CT", "CHEST")
    assert "PatientName" not in kept
    assert kept.PixelData == dataset.PixelData, "what pixels need is kept always"


@pytest.mark.rule("dicom.deidentify.remove_list", GUIDE)
def test_a_remove_list_removes_its_tags_and_overlays_at_any_depth(store: DicomStore) -> None:
    (dataset,) = ct_series(1)
    item = Dataset()
    item.PatientName, item.StudyDescription = "Phantom^Chest^Anna", "NESTED"
    dataset.RequestAttributesSequence = Sequence([item])
    dataset.add_new(0x60003000, "OW", bytes(8))
    store.put(dataset)
    _, files = deidentify(store, config={"dicom": {"removeList": {"tags": ["PatientName"]}}})
    kept = only(files)
    assert b"Phantom" not in files[0]
    assert kept.PatientID == "P-1"
    assert kept.RequestAttributesSequence[0].StudyDescription == "NESTED"
    assert 0x60003000 not in kept


@pytest.mark.rule("dicom.deidentify.lists.tags", CONFIG)
@pytest.mark.parametrize(
    "dicom",
    [
        {"keepList": {"tags": ["NoSuchTag"]}},
        {"removeList": {"tags": ["0010"]}},
        {"removeList": {"tags": ["StudyInstanceUID"]}},
        {"removeList": {"tags": ["PixelData"]}},
        {"keepList": {"tags": ["Modality"]}, "filterProfile": "KEEP_ALL_PROFILE"},
        {"filterProfile": "NO_SUCH_PROFILE"},
        {"keeplist": {}},
    ],
)
def test_a_filter_that_cannot_be_is_refused_at_once(
    store: DicomStore, dicom: dict[str, Any]
) -> None:
    body = {"destinationStore": new_store(store), "config": {"dicom": dicom}}
    assert refused(store.stores.deidentify(sourceStore=store.name, body=body)) == 400


@pytest.mark.rule("dicom.deidentify.basic", PS3_15)
def test_the_basic_profile_removes_empties_and_replaces(store: DicomStore) -> None:
    (dataset,) = ct_series(1)
    dataset.InstitutionName = "Phantom General"
    dataset.FrameOfReferenceUID = generate_uid()
    dataset.AcquisitionDateTime = "20260102101112"
    dataset.PatientComments = "Anna likes tea"
    dataset.private_block(0x0011, "ACME", create=True).add_new(1, "LO", "Phantom")
    store.put(dataset)
    _, files = deidentify(store, config=BASIC)
    kept = only(files)
    assert kept.PatientName == "", "Z: there, without a value"
    assert "PatientComments" not in kept, "X: gone"
    assert kept.FrameOfReferenceUID != dataset.FrameOfReferenceUID, "U: replaced"
    assert not [element for element in kept if element.tag.is_private]
    assert (kept.Modality, kept.Rows) == ("CT", 32), "what is not in the table stays"
    old = {dataset.FrameOfReferenceUID.encode(), *(uid.encode() for uid in uids(dataset))}
    assert not [secret for secret in {*SECRETS, *old} if secret in files[0]]


@pytest.mark.rule("dicom.deidentify.basic.nested", PS3_15)
def test_the_basic_profile_reaches_into_a_structured_report(store: DicomStore) -> None:
    store.stow([shipped("test-SR.dcm")])
    original = read(files_of(store)[0])
    _, files = deidentify(store, config=BASIC)
    report = only(files)
    assert len(report.ContentSequence) == len(original.ContentSequence), "the tree stays"
    names = {str(e.value) for e in original.iterall() if e.VR == "PN" and e.value}
    assert names
    assert not [name for name in names if name.encode() in files[0]]


@pytest.mark.rule("dicom.deidentify.every_kind", GUIDE)
@pytest.mark.parametrize("config", [MINIMAL, BASIC])
def test_files_of_every_kind_lose_their_patient(store: DicomStore, config: dict[str, Any]) -> None:
    for name in KINDS:
        assert store.stow([shipped(name)]).status_code == 200, name
    originals = [read(file) for file in files_of(store)]
    operation, files = deidentify(store, config=config)
    assert operation["metadata"]["counter"] == {"success": str(len(KINDS))}
    assert len(files) == len(originals) == len(KINDS)
    secrets = {str(dataset.PatientName) for dataset in originals if dataset.get("PatientName")}
    secrets |= {dataset.PatientID for dataset in originals if len(dataset.get("PatientID", "")) > 3}
    secrets |= {uid for dataset in originals for uid in uids(dataset)}
    assert len(secrets) > 3 * len(KINDS)
    assert not [s for s in secrets for file in files if s.encode() in file]


@pytest.mark.rule("dicom.deidentify.keep_all", CONFIG)
@pytest.mark.parametrize("config", [KEEP_ALL, {}, None])
def test_without_a_filter_every_tag_but_the_uids_is_kept(
    store: DicomStore, config: dict[str, Any] | None
) -> None:
    (dataset,) = ct_series(1)
    store.put(dataset)
    _, files = deidentify(store, **({} if config is None else {"config": config}))
    kept = only(files)
    assert kept.PatientName == dataset.PatientName
    assert kept.StudyInstanceUID != dataset.StudyInstanceUID
    assert len(kept) == len(dataset)


@pytest.mark.rule("dicom.deidentify.tag_contents", CONFIG)
def test_sensitive_text_within_values_is_replaced(store: DicomStore) -> None:
    (dataset,) = ct_series(1)
    dataset.StudyDescription = "Lung of Anna Phantom, born 1970-01-01"
    dataset.ImageComments = "call anna@example.org or 555-123-4567, record P-1"
    store.put(dataset)
    config = {"dicom": {"filterProfile": "DEIDENTIFY_TAG_CONTENTS"}}
    _, files = deidentify(store, config=config)
    kept = only(files)
    assert kept.StudyDescription == "Lung of [PERSON_NAME] [PERSON_NAME], born [DATE]"
    assert kept.ImageComments == (
        "call [EMAIL_ADDRESS] or [PHONE_NUMBER], record [MEDICAL_RECORD_NUMBER]"
    )
    assert kept.PatientName == "[PERSON_NAME]"
    assert kept.StudyDate == "", "a date that is not shifted goes"
    assert kept.Modality == "CT", "codes are not text"


@pytest.mark.rule("dicom.deidentify.text.transformations", f"{REST}/TextConfig")
def test_transformations_are_chosen_by_info_type(store: DicomStore) -> None:
    slices = ct_series(2)
    for item in slices:
        item.StudyDescription = "Anna at 10.0.0.7"
    slices[1].StudyDate = "20260109"
    store.put(*slices)
    text = {
        "additionalTransformations": [
            {"infoTypes": ["PERSON_NAME"], "characterMaskConfig": {"maskingCharacter": "#"}},
            {"infoTypes": ["DATE"], "dateShiftConfig": {}},
            {"infoTypes": ["MEDICAL_RECORD_NUMBER"], "cryptoHashConfig": {}},
        ],
        "excludeInfoTypes": ["IP_ADDRESS"],
    }
    config = {"dicom": {"filterProfile": "DEIDENTIFY_TAG_CONTENTS"}, "text": text}
    _, files = deidentify(store, config=config)
    first, second = map(read, files)
    assert first.StudyDescription == "#### at 10.0.0.7"
    assert first.StudyDate != "20260102"
    assert int(second.StudyDate) - int(first.StudyDate) in (7, *range(70, 100), *range(8800, 8900))
    assert first.PatientID == second.PatientID != "P-1"
    assert len(first.PatientID) == 44, "SHA-256 in base64"


@pytest.mark.rule("dicom.deidentify.text.keys", f"{REST}/TextConfig#CryptoHashConfig")
@pytest.mark.parametrize(
    ("key", "code"),
    [
        ({"cryptoKey": "c2hvcnQ="}, 400),
        ({"cryptoKey": "not base64"}, 400),
        ({"kmsWrapped": {"wrappedKey": "eA==", "cryptoKey": "projects/p"}}, 501),
    ],
)
def test_keys_are_checked(store: DicomStore, key: dict[str, Any], code: int) -> None:
    config = {"text": {"transformations": [{"cryptoHashConfig": key}]}}
    body = {"destinationStore": new_store(store), "config": config}
    assert refused(store.stores.deidentify(sourceStore=store.name, body=body)) == code


@pytest.mark.rule("dicom.deidentify.source", GUIDE)
def test_the_source_stays_as_it_is(store: DicomStore) -> None:
    slices = ct_series(2)
    store.put(*slices)
    before = files_of(store)
    deidentify(store, config=MINIMAL)
    assert files_of(store) == before


@pytest.mark.rule("dicom.deidentify.failures", METHOD)
def test_an_instance_that_fails_is_counted_and_left_out(store: DicomStore) -> None:
    good = ct_series(1)[0]
    broken = ct_series(1)[0]
    broken.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.90"
    broken.PixelData = b"\xfe\xff\x00\xe0\x00\x00\x00\x00\xfe\xff\x00\xe0\x04\x00\x00\x00junk"
    broken["PixelData"].is_undefined_length = True
    store.put(good, broken)
    config = {**MINIMAL, "image": {"textRedactionMode": "REDACT_ALL_TEXT"}}
    operation, files = deidentify(store, config=config)
    assert operation["metadata"]["counter"] == {"success": "1", "failure": "1"}
    assert "response" in operation, "the operation may still be successful"
    assert only(files).PixelData == good.PixelData


@pytest.mark.rule("dicom.deidentify.filter", f"{REST}/DicomFilterConfig")
def test_a_filter_chooses_studies_series_and_instances(
    store: DicomStore, bucket: storage.Bucket
) -> None:
    study, series, other = ct_series(2), ct_series(2), ct_series(2)
    store.put(*study, *series, *other)
    lines = [
        f"/studies/{study[0].StudyInstanceUID}",
        f"/studies/{series[0].StudyInstanceUID}/series/{series[0].SeriesInstanceUID}",
        f"/studies/{series[0].StudyInstanceUID}/series/{series[0].SeriesInstanceUID}"
        f"/instances/{series[0].SOPInstanceUID}",
        f"/studies/{other[0].StudyInstanceUID}/series/{other[0].SeriesInstanceUID}"
        f"/instances/{other[0].SOPInstanceUID}",
    ]
    bucket.blob("paths.txt").upload_from_string("\r\n".join(lines))
    chosen = {"resourcePathsGcsUri": f"gs://{bucket.name}/paths.txt"}
    operation, files = deidentify(store, config=KEEP_ALL, filterConfig=chosen)
    assert operation["metadata"]["counter"] == {"success": "5"}, "each instance once"
    assert len(files) == 5


@pytest.mark.rule("dicom.deidentify.filter.refused", f"{REST}/DicomFilterConfig")
@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("/studies/1.2/frames/1", INVALID_ARGUMENT),
        ("/studies/*", INVALID_ARGUMENT),
        ("/studies/1.2.3", NOT_FOUND),
        (None, NOT_FOUND),
    ],
)
def test_a_filter_that_names_nothing_fails_the_operation(
    store: DicomStore, bucket: storage.Bucket, content: str | None, code: int
) -> None:
    store.put(*ct_series(1))
    if content is not None:
        bucket.blob("paths.txt").upload_from_string(content)
    chosen = {"resourcePathsGcsUri": f"gs://{bucket.name}/paths.txt"}
    operation, files = deidentify(store, filterConfig=chosen)
    assert operation["error"]["code"] == code
    assert files == []


@pytest.mark.rule("dicom.deidentify.config_uri", METHOD)
def test_the_configuration_may_lie_in_a_bucket(store: DicomStore, bucket: storage.Bucket) -> None:
    store.put(*ct_series(1))
    uri = f"gs://{bucket.name}/config.json"
    operation, _ = deidentify(store, gcsConfigUri=uri)
    assert operation["error"]["code"] == NOT_FOUND
    bucket.blob("config.json").upload_from_string(json.dumps({"dicom": {"profile": "X"}}))
    operation, _ = deidentify(store, gcsConfigUri=uri)
    assert operation["error"]["code"] == INVALID_ARGUMENT
    bucket.blob("config.json").upload_from_string(json.dumps(MINIMAL))
    _, files = deidentify(store, gcsConfigUri=uri)
    assert "PatientName" not in only(files)
    body = {"destinationStore": new_store(store), "gcsConfigUri": uri, "config": MINIMAL}
    assert refused(store.stores.deidentify(sourceStore=store.name, body=body)) == 400


@pytest.mark.rule("dicom.deidentify.destination", METHOD)
def test_the_destination_is_another_store_of_the_same_location(store: DicomStore) -> None:
    missing = store.name + "-missing"
    elsewhere = store.name.replace("us-central1", "europe-west4")
    wanted = {store.name: 400, missing: 404, elsewhere: 400, "": 400, "images": 400}
    for destination, code in wanted.items():
        body = {"destinationStore": destination, "config": MINIMAL}
        request = store.stores.deidentify(sourceStore=store.name, body=body)
        assert refused(request) == code, destination


@pytest.mark.rule(
    "dicom.deidentify.silent", "https://cloud.google.com/healthcare-api/docs/dicom-pubsub"
)
def test_deidentified_instances_are_told_to_nobody(cloud: Any, store: DicomStore) -> None:
    clients = Clients(cloud.pubsub)
    topic = clients.topic()
    subscription = clients.subscription(topic)
    body = {"notificationConfigs": [{"pubsubTopic": topic}]}
    listening = DicomStore.create(cloud.healthcare, **body)
    store.put(*ct_series(1))
    request = {"destinationStore": listening.name, "config": MINIMAL}
    store.wait(store.stores.deidentify(sourceStore=store.name, body=request).execute())
    assert len(files_of(listening)) == 1
    assert clients.is_empty(subscription)
    clients.close()
