"""What the first bytes of a file say, and what they say of a file that is none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset, dcmread
from pydicom.dataelem import RawDataElement
from pydicom.dataset import FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
)
from tests.core.cases import HEADER

from samples import hostile, part10
from wetread.core.errors import RetriableError
from wetread.core.headers import (
    FIRST_READ_BYTES,
    Header,
    NeedMore,
    Refusal,
    header_from_dicomweb,
    header_from_dict,
    read_header,
)

# Pytest resets the filter that keeps pydicom's warnings away; a test below looks at a real process.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

VALID = hostile.valid()
PIXELS_START = VALID.rindex(b"\xe0\x7f\x10\x00OW")


def token(identity: str) -> str:
    return f"token {hash(identity)}"


def read(content: bytes, size_bytes: int | None = None) -> Header | Refusal | NeedMore:
    return read_header(content, len(content) if size_bytes is None else size_bytes, token)


def read_in_steps(content: bytes, first_bytes: int) -> tuple[Header | Refusal, int]:
    """Read as intake does, each time as much as is asked for; return the bytes read, too."""
    end = min(first_bytes, len(content))
    for _ in range(20):
        result = read(content[:end], len(content))
        if not isinstance(result, NeedMore):
            return result, end
        assert end < result.size_bytes <= len(content), "a longer read must be asked for"
        end = result.size_bytes
    raise AssertionError("reading does not end")


def encoded(change: Callable[[Dataset], None]) -> bytes:
    dataset = hostile.image()
    change(dataset)
    return part10.encode(dataset)


def written(transfer_syntax_uid: str) -> bytes:
    """Return the valid image in another of the ways of PS3.5 annex A to write it."""
    dataset = hostile.image()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = UID(transfer_syntax_uid)
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def test_the_facts_of_an_image() -> None:
    image = hostile.image()
    assert read(VALID) == Header(
        study_instance_uid=image.StudyInstanceUID,
        series_instance_uid=image.SeriesInstanceUID,
        sop_instance_uid=image.SOPInstanceUID,
        sop_class_uid=image.SOPClassUID,
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        modality="CT",
        image_type=("ORIGINAL", "PRIMARY", "AXIAL"),
        manufacturer="Sample Works",
        presentation_intent="",
        has_pixel_data=True,
        patient=token(f"id\x1f\x1f{image.PatientID}"),
        series_number=1,
        instance_number=1,
        body_part="CHEST",
        attributes=(
            ("PatientPosition", "HFS"),
            ("SliceThickness", "5"),
            ("PixelSpacing", "1\\1"),
            ("Rows", "32"),
            ("Columns", "32"),
            ("PhotometricInterpretation", "MONOCHROME2"),
            ("KVP", "120"),
        ),
    )


def test_the_pixels_are_not_needed() -> None:
    assert read(VALID[: PIXELS_START + 12], len(VALID)) == read(VALID)


@pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]
)
def test_every_way_of_writing_gives_the_same_facts(syntax: str) -> None:
    expected = read(VALID)
    assert isinstance(expected, Header)
    assert read(written(syntax)) == replace(expected, transfer_syntax_uid=str(syntax))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (hostile.zero_bytes(), "empty-file"),
        (b"GIF89a", "not-dicom"),
        (b"short", "not-dicom"),
        (bytes(131), "not-dicom"),
        (bytes(1000), "not-dicom"),
        (hostile.not_dicom(), "not-dicom"),
        (hostile.truncated(), "truncated"),
        (hostile.truncated_header(), "truncated"),
        (hostile.preamble_only(), "truncated"),
        (hostile.lying_length(), "truncated"),
        (hostile.missing_uid("StudyInstanceUID"), "missing-uids"),
        (hostile.missing_uid("SeriesInstanceUID"), "missing-uids"),
        (hostile.missing_uid("SOPInstanceUID"), "missing-uids"),
        (hostile.malformed_uid("StudyInstanceUID"), "missing-uids"),
    ],
)
def test_what_cannot_be_taken_has_a_reason(content: bytes, reason: str) -> None:
    assert read(content) == Refusal(reason)


@pytest.mark.parametrize("part", ["value", "tag or length"])
def test_a_file_cut_in_any_element_of_its_header_is_truncated(part: str) -> None:
    dataset = dcmread(BytesIO(VALID))
    elements = [e for e in dataset.values() if isinstance(e, RawDataElement)]
    if part == "value":
        ends = {e.value_tell + e.length // 2 for e in elements if e.length > 1}
    else:
        ends = {e.value_tell - 3 for e in elements}
    assert len(ends) > 20
    assert {read(VALID[:end]) for end in ends} == {Refusal("truncated")}


@given(st.integers(0, len(VALID) - 1))
@settings(deadline=None)
def test_no_piece_of_an_image_passes_for_the_image(end: int) -> None:
    piece = read(VALID[:end])
    assert not isinstance(piece, NeedMore)
    assert not isinstance(piece, Header) or not piece.has_pixel_data


def test_a_file_cut_in_a_sequence_is_truncated() -> None:
    def add_sequence(dataset: Dataset) -> None:
        dataset.RequestAttributesSequence = Sequence([part10.code("1", "99X", "Request")])
        dataset["RequestAttributesSequence"].is_undefined_length = True

    content = encoded(add_sequence)
    start = content.index(b"\x40\x00\x75\x02SQ")
    end = content.index(b"\xfe\xff\xdd\xe0", start)
    cut = {read(content[:position]) for position in range(start + 13, end + 8)}
    assert cut == {Refusal("truncated")}
    assert isinstance(read(content), Header)


def test_padding_behind_a_report_is_no_truncation() -> None:
    content = hostile.structured_report_only()[0].content
    assert isinstance(read(content), Header)
    for count in range(1, 17):
        assert read(content + bytes(count)) == read(content)


@given(first_bytes=st.integers(132, len(VALID)))
@settings(deadline=None)
def test_a_header_cut_by_the_first_read_is_read_further(first_bytes: int) -> None:
    assert read_in_steps(VALID, first_bytes)[0] == read(VALID)


@pytest.mark.parametrize("undefined_length", [False, True])
def test_a_header_longer_than_the_first_read_is_read_without_its_pixels(
    undefined_length: bool,
) -> None:
    def fill(dataset: Dataset) -> None:
        items = [part10.code(str(n), "99X", "x" * 64) for n in range(600)]
        dataset.RequestAttributesSequence = Sequence(items)
        dataset["RequestAttributesSequence"].is_undefined_length = undefined_length
        dataset.PixelData = bytes(4_000_000)

    content = encoded(fill)
    header, read_bytes = read_in_steps(content, FIRST_READ_BYTES)
    assert isinstance(header, Header)
    assert header.has_pixel_data
    assert FIRST_READ_BYTES < read_bytes < len(content) / 4


def test_a_deflated_file_is_read_to_its_end() -> None:
    content = written(DeflatedExplicitVRLittleEndian)
    header, read_bytes = read_in_steps(content, 400)
    assert isinstance(header, Header)
    assert read_bytes == len(content)


@given(st.binary(max_size=600))
@settings(deadline=None)
def test_garbage_behind_the_prefix_is_refused(garbage: bytes) -> None:
    content = hostile.preamble_only() + garbage
    result = read(content)
    assert isinstance(result, Refusal)
    assert result.reason in {"truncated", "header-unreadable", "missing-uids"}


@given(st.integers(132, PIXELS_START), st.binary(min_size=1, max_size=40))
@settings(deadline=None)
def test_damage_anywhere_never_raises(position: int, damage: bytes) -> None:
    content = VALID[:position] + damage + VALID[position + len(damage) :]
    assert isinstance(read_in_steps(content, 512)[0], Header | Refusal)


def test_corrupt_deflated_content_is_unreadable() -> None:
    content = written(DeflatedExplicitVRLittleEndian)
    assert read(content[:400] + bytes(64)) == Refusal("header-unreadable")


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ({"PatientName": "DOE^JANE"}, {"PatientName": "Doe^Jane "}, True),
        ({"PatientID": "7"}, {"PatientID": "7", "PatientName": "Doe^J"}, True),
        ({"PatientID": "7"}, {"PatientID": "8"}, False),
        (
            {"PatientID": "7", "IssuerOfPatientID": "A"},
            {"PatientID": "7", "IssuerOfPatientID": "B"},
            False,
        ),
        ({"PatientID": "7", "IssuerOfPatientID": ""}, {"PatientID": "7"}, True),
        ({"PatientID": "X", "PatientName": ""}, {"PatientID": "", "PatientName": "X"}, False),
    ],
)
def test_when_two_files_are_of_one_patient(
    first: dict[str, str], second: dict[str, str], same: bool
) -> None:
    def patient(attributes: dict[str, str]) -> str:
        def replace_identity(dataset: Dataset) -> None:
            dataset.PatientID = dataset.PatientName = ""
            for keyword, value in attributes.items():
                setattr(dataset, keyword, value)

        result = read(encoded(replace_identity))
        assert isinstance(result, Header)
        return result.patient

    assert (patient(first) == patient(second)) is same


def test_nobody_is_no_patient() -> None:
    def forget(dataset: Dataset) -> None:
        del dataset.PatientID, dataset.PatientName

    result = read(encoded(forget))
    assert isinstance(result, Header)
    assert result.patient == ""


def test_a_header_keeps_nothing_of_the_patient() -> None:
    image = hostile.image()
    stored = json.dumps(header_dict := read(VALID).as_dict())
    for keyword in ("PatientID", "PatientName", "PatientBirthDate", "AccessionNumber"):
        assert str(image[keyword].value) not in stored
    assert header_from_dict(json.loads(stored)) == read(VALID)
    assert set(header_dict) == set(HEADER.as_dict())


def test_numbers_that_are_none_are_absent() -> None:
    content = VALID.replace(b"\x20\x00\x11\x00IS\x02\x001 ", b"\x20\x00\x11\x00IS\x02\x00x ")
    assert content != VALID
    result = read(content)
    assert isinstance(result, Header)
    assert result.series_number is None


def test_dicomweb_says_the_same_as_the_file() -> None:
    image = dcmread(BytesIO(VALID))
    instance = image.to_json_dict(suppress_invalid_tags=True)
    instance["00083002"] = {"vr": "UI", "Value": ["1.2.840.10008.1.2.1"]}
    del instance["7FE00010"]
    assert header_from_dicomweb(instance, token) == read(VALID)


def test_an_instance_without_uids_in_the_store_is_the_stores_fault() -> None:
    with pytest.raises(RetriableError) as raised:
        header_from_dicomweb({"00080060": {"vr": "CS", "Value": ["CT"]}}, token)
    assert raised.value.code == "answer-malformed"


READS_A_NAME_WHERE_A_UID_BELONGS = """
import logging, sys
logging.basicConfig(level=logging.DEBUG, stream=sys.stdout)
from concurrent.futures import ThreadPoolExecutor
from samples import hostile
from wetread.core.headers import read_header
content = hostile.malformed_uid("StudyInstanceUID", "Doe^Jane")
content = content.replace(b"CS\\x02\\x00CT", b"CS\\x02\\x00^j")
content = content.replace(b"ISO_IR 192", b"Doe^Jane 7")
with ThreadPoolExecutor(8) as pool:
    print(set(pool.map(lambda _: read_header(content, len(content), str), range(64))))
"""


def test_no_value_reaches_a_log_or_a_warning() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "default", "-c", READS_A_NAME_WHERE_A_UID_BELONGS],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert "missing-uids" in done.stdout
    assert "Jane" not in done.stdout + done.stderr
    assert "^j" not in done.stdout + done.stderr
