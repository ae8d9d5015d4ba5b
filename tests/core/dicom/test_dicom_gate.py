"""The gate before the DICOM store: each rule is seen to hold back what breaks it."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import DataElement, Dataset
from tests.core.dicom.gate_objects import KINDS, SERIES, objects, read, written

from wetread.core.dicom import gate
from wetread.core.dicom.gate import check_object
from wetread.core.dicom.gate.check import violations
from wetread.core.dicom.gate.standard import inherited_attributes, required_attributes
from wetread.core.dicom.names import ResultKind
from wetread.core.errors import PermanentError
from wetread.core.violation import gate_rules

Change = Callable[[Dataset], object]
SECRET = "Wetherby^Quentin"
SR, SEG, SC, KO = (
    ResultKind.STRUCTURED_REPORT,
    ResultKind.SEGMENTATION,
    ResultKind.KEY_IMAGE,
    ResultKind.KEY_OBJECTS,
)
ANN = f"{ResultKind.ANNOTATIONS}-of-slide"
SLIDE_SR = f"{ResultKind.STRUCTURED_REPORT}-of-slide"


def put(*path: str | int, value: Any) -> Change:
    """Set one attribute; numbers in the path are items."""

    def change(dataset: Dataset) -> None:
        *parents, last = path
        element: Any = dataset
        for part in parents:
            element = element[part] if isinstance(part, int) else getattr(element, part)
        setattr(element, str(last), value)

    return change


def drop(keyword: str) -> Change:
    return lambda dataset: delattr(dataset, keyword)


def item(value_type: str, then: Change) -> Change:
    """Change the first content item of a value type."""

    def change(dataset: Dataset) -> None:
        then(next(found for found in items(dataset) if found.ValueType == value_type))

    return change


def items(parent: Dataset) -> list[Dataset]:
    children = list(parent.get("ContentSequence") or ())
    return [child for one in children for child in (one, *items(one))]


def group(change: Change, number: int = 0) -> Change:
    return lambda dataset: change(dataset.AnnotationGroupSequence[number])


def swap_instance(dataset: Dataset) -> None:
    """Make the first content item that refers to an image refer to one that is not listed."""
    image = next(found for found in items(dataset) if found.ValueType == "IMAGE")
    image.ReferencedSOPSequence[0].ReferencedSOPInstanceUID = f"{SERIES}.77"


def source_of_frame(dataset: Dataset) -> Dataset:
    derivation = dataset.PerFrameFunctionalGroupsSequence[0].DerivationImageSequence[0]
    found: Dataset = derivation.SourceImageSequence[0]
    return found


def private(dataset: Dataset) -> None:
    dataset.private_block(0x0099, "WETREAD", create=True).add_new(1, "LO", SECRET)


def verifying_observer(dataset: Dataset) -> None:
    observer = Dataset()
    observer.VerifyingOrganization = observer.VerifyingObserverName = "Somebody"
    observer.VerificationDateTime = "20260102"
    observer.VerifyingObserverIdentificationCodeSequence = []
    dataset.VerifyingObserverSequence = [observer]


def other_study(dataset: Dataset) -> None:
    dataset.CurrentRequestedProcedureEvidenceSequence[0].StudyInstanceUID = "2.25.77"


def series_of_the_source(dataset: Dataset) -> None:
    dataset.SeriesInstanceUID = SERIES


def instance_of_the_source(dataset: Dataset) -> None:
    dataset.SOPInstanceUID = f"{SERIES}.1"
    dataset.file_meta.MediaStorageSOPInstanceUID = f"{SERIES}.1"


def property_type(dataset: Dataset) -> Dataset:
    found: Dataset = dataset.SegmentSequence[0].SegmentedPropertyTypeCodeSequence[0]
    return found


def only_segment(dataset: Dataset, number: int) -> None:
    for frame in dataset.PerFrameFunctionalGroupsSequence:
        frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber = number


def frame_content(dataset: Dataset, frame: int) -> Dataset:
    found: Dataset = dataset.PerFrameFunctionalGroupsSequence[frame].FrameContentSequence[0]
    return found


def same_place(dataset: Dataset) -> None:
    values = frame_content(dataset, 0).DimensionIndexValues
    frame_content(dataset, 1).DimensionIndexValues = values


def cut_coordinates(annotations: Dataset) -> None:
    keyword = next(k for k in annotations.dir() if k.endswith("PointCoordinatesData"))
    setattr(annotations, keyword, getattr(annotations, keyword)[:-8])


BROKEN: list[tuple[str, str, Change]] = [
    ("dicom.file.class", SC, lambda d: setattr(d.file_meta, "MediaStorageSOPClassUID", "1.2")),
    ("dicom.file.instance", SC, lambda d: setattr(d.file_meta, "MediaStorageSOPInstanceUID", "1")),
    ("dicom.file.implementation", SC, lambda d: delattr(d.file_meta, "ImplementationClassUID")),
    ("dicom.type1.Modality", SC, put("Modality", value="")),
    ("dicom.type1.ConversionType", SC, drop("ConversionType")),
    ("dicom.type1.ContentDate", SR, drop("ContentDate")),
    ("dicom.type1.SegmentSequence", SEG, drop("SegmentSequence")),
    ("dicom.type1.CodeMeaning", SEG, lambda d: delattr(property_type(d), "CodeMeaning")),
    ("dicom.type2.PatientName", KO, drop("PatientName")),
    ("dicom.type2.AccessionNumber", ANN, drop("AccessionNumber")),
    ("dicom.value.private", SC, private),
    ("dicom.value.multiplicity", SC, put("ConversionType", value=["WSD", "SYN"])),
    ("dicom.value.text", SC, put("ContentDate", value="2026-01-02")),
    ("dicom.value.text", SR, put("SeriesDescription", value="not for clinical use" + "x" * 60)),
    ("dicom.value.uid", SC, put("SeriesInstanceUID", value="2.25.01")),
    ("dicom.value.uid", SR, item("UIDREF", put("UID", value="2.25." + "1" * 70))),
    ("dicom.value.representation", SC, lambda d: d.add(DataElement(0x00080060, "LO", "OT"))),
    ("dicom.reference.listed", SR, swap_instance),
    ("dicom.reference.listed", KO, swap_instance),
    (
        "dicom.reference.listed",
        SEG,
        lambda d: setattr(source_of_frame(d), "ReferencedSOPInstanceUID", f"{SERIES}.77"),
    ),
    (
        "dicom.reference.class",
        SR,
        item("IMAGE", put("ReferencedSOPSequence", 0, "ReferencedSOPClassUID", value="1.2.3")),
    ),
    ("dicom.reference.study", SR, other_study),
    ("dicom.reference.listed", SLIDE_SR, drop("CurrentRequestedProcedureEvidenceSequence")),
    (
        "dicom.reference.listed",
        KO,
        item("IMAGE", lambda i: delattr(i.ReferencedSOPSequence[0], "ReferencedSOPInstanceUID")),
    ),
    ("dicom.reference.own", SEG, series_of_the_source),
    ("dicom.reference.own", SC, instance_of_the_source),
    ("dicom.sr.title", SR, put("ConceptNameCodeSequence", 0, "CodeValue", value="126001")),
    ("dicom.sr.title", KO, put("ConceptNameCodeSequence", 0, "CodeValue", value="113001")),
    ("dicom.sr.template", SR, put("ContentTemplateSequence", 0, "TemplateIdentifier", value="1")),
    ("dicom.sr.template", KO, drop("ContentTemplateSequence")),
    ("dicom.sr.value-type", SR, item("TEXT", put("ValueType", value="TABLE"))),
    ("dicom.sr.value-type", KO, item("TEXT", put("ValueType", value="NUM"))),
    ("dicom.sr.relationship", SR, item("TEXT", put("RelationshipType", value="SELECTED FROM"))),
    ("dicom.sr.relationship", KO, item("TEXT", put("RelationshipType", value="INFERRED FROM"))),
    ("dicom.sr.item", SR, item("TEXT", drop("TextValue"))),
    ("dicom.sr.item", SR, item("CODE", put("ConceptCodeSequence", value=[]))),
    ("dicom.sr.item", SR, put("ValueType", value="TEXT")),
    ("dicom.sr.item", SR, drop("ContentSequence")),
    ("dicom.sr.item", SR, item("CONTAINER", drop("ContentSequence"))),
    ("dicom.sr.number", SR, item("NUM", put("MeasuredValueSequence", value=[]))),
    (
        "dicom.sr.number",
        SR,
        item("NUM", put("MeasuredValueSequence", 0, "MeasurementUnitsCodeSequence", value=[])),
    ),
    ("dicom.sr.graphic", SR, item("SCOORD", put("GraphicData", value=[1.0, 2.0, 3.0]))),
    ("dicom.sr.graphic", SR, item("SCOORD", put("GraphicType", value="CIRCLE"))),
    ("dicom.sr.graphic", SR, item("SCOORD", put("GraphicType", value="CUBE"))),
    (
        "dicom.sr.graphic",
        SLIDE_SR,
        item("SCOORD3D", lambda i: i.GraphicData.__setitem__(0, 77.0)),
    ),
    ("dicom.sr.selected-image", SR, item("SCOORD", put("ContentSequence", value=[]))),
    ("dicom.sr.complete", SR, put("CompletionFlag", value="PARTIAL")),
    ("dicom.sr.preliminary", SR, put("PreliminaryFlag", value="FINAL")),
    ("dicom.sr.unverified", SR, put("VerificationFlag", value="VERIFIED")),
    ("dicom.sr.unverified", SR, verifying_observer),
    (
        "dicom.ko.selected",
        KO,
        lambda d: setattr(
            d, "ContentSequence", [i for i in d.ContentSequence if i.ValueType != "IMAGE"]
        ),
    ),
    ("dicom.pixel.bits", SC, put("HighBit", value=6)),
    ("dicom.pixel.bits", SC, put("BitsStored", value=9)),
    ("dicom.pixel.samples", SC, put("PhotometricInterpretation", value="MONOCHROME2")),
    ("dicom.pixel.samples", SC, drop("PlanarConfiguration")),
    ("dicom.pixel.length", SC, lambda d: setattr(d, "PixelData", d.PixelData[:-2])),
    ("dicom.pixel.length", SEG, lambda d: setattr(d, "PixelData", d.PixelData + b"\0\0")),
    ("dicom.seg.type", SEG, put("SegmentationType", value="FRACTIONAL")),
    ("dicom.seg.number", SEG, put("SegmentSequence", 0, "SegmentNumber", value=3)),
    ("dicom.seg.algorithm", SEG, put("SegmentSequence", 0, "SegmentAlgorithmType", value="MANUAL")),
    ("dicom.seg.frames", SEG, put("NumberOfFrames", value=3)),
    (
        "dicom.seg.frame-segment",
        SEG,
        put(
            "PerFrameFunctionalGroupsSequence",
            0,
            "SegmentIdentificationSequence",
            0,
            "ReferencedSegmentNumber",
            value=9,
        ),
    ),
    ("dicom.seg.segment-without-frame", SEG, lambda d: only_segment(d, 1)),
    (
        "dicom.seg.position",
        SEG,
        put("PerFrameFunctionalGroupsSequence", 0, "PlanePositionSequence", value=[]),
    ),
    ("dicom.seg.position", SEG, drop("FrameOfReferenceUID")),
    (
        "dicom.seg.position",
        SEG,
        put("SharedFunctionalGroupsSequence", 0, "PixelMeasuresSequence", value=[]),
    ),
    ("dicom.seg.dimension", SEG, same_place),
    (
        "dicom.seg.dimension",
        SEG,
        lambda d: setattr(frame_content(d, 0), "DimensionIndexValues", [1]),
    ),
    ("dicom.sc.burned-in", SC, put("BurnedInAnnotation", value="NO")),
    ("dicom.sc.image-type", SC, put("ImageType", value=["ORIGINAL", "PRIMARY"])),
    ("dicom.sc.source", SC, drop("SourceImageSequence")),
    (
        "dicom.sc.source",
        SC,
        lambda d: delattr(d.SourceImageSequence[0], "ReferencedSOPInstanceUID"),
    ),
    ("dicom.ann.number", ANN, group(put("AnnotationGroupNumber", value=2))),
    ("dicom.ann.algorithm", ANN, group(put("AnnotationGroupGenerationType", value="MANUAL"))),
    ("dicom.ann.count", ANN, group(put("NumberOfAnnotations", value=7))),
    ("dicom.ann.count", ANN, group(cut_coordinates)),
    (
        "dicom.code.unknown",
        SR,
        item("NUM", put("ConceptNameCodeSequence", 0, "CodeValue", value="1")),
    ),
    ("dicom.code.unknown", SEG, lambda d: setattr(property_type(d), "CodeValue", "1")),
    ("dicom.code.meaning", SEG, lambda d: setattr(property_type(d), "CodeMeaning", SECRET)),
    (
        "dicom.code.unknown",
        SR,
        item("NUM", lambda i: delattr(i.ConceptNameCodeSequence[0], "CodingSchemeDesignator")),
    ),
    (
        "dicom.code.meaning",
        SR,
        item("NUM", lambda i: delattr(i.ConceptNameCodeSequence[0], "CodeMeaning")),
    ),
    ("dicom.policy.modality", SEG, put("Modality", value="SR")),
    ("dicom.policy.manufacturer", KO, put("Manufacturer", value=SECRET)),
    ("dicom.policy.notice", ANN, put("SeriesDescription", value="AI annotations")),
    ("dicom.policy.character-set", KO, drop("SpecificCharacterSet")),
    ("dicom.policy.uid", SR, put("SeriesInstanceUID", value="1.2.840.77")),
]


def broken_rules(blob: bytes) -> set[str]:
    return {violation.rule for violation in violations(blob)}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_built_keeps_every_rule(kind: str) -> None:
    assert list(violations(objects()[kind])) == []


@pytest.mark.parametrize(
    ("rule", "kind", "change"), BROKEN, ids=[f"{rule} {kind}" for rule, kind, _ in BROKEN]
)
def test_a_broken_rule_is_named_and_never_the_value(rule: str, kind: str, change: Change) -> None:
    dataset = read(kind)
    change(dataset)
    broken = written(dataset)
    assert rule in broken_rules(broken)
    with pytest.raises(PermanentError) as raised:
        check_object(broken, "k1-x")
    assert raised.value.code == "result-invalid"
    assert str(raised.value).startswith("[result-invalid] DICOM result of k1-x: ")
    assert SECRET not in str(raised.value)


@pytest.mark.filterwarnings("ignore:Unknown encoding")
@settings(max_examples=40, deadline=None)
@given(kind=st.sampled_from(KINDS), data=st.data())
def test_a_file_that_is_cut_off_never_passes(kind: str, data: st.DataObject) -> None:
    blob = objects()[kind]
    assert broken_rules(blob[: data.draw(st.integers(0, len(blob) - 1))])


@settings(max_examples=60, deadline=None)
@given(kind=st.sampled_from(KINDS), data=st.data())
def test_no_attribute_that_must_be_there_can_be_left_out(kind: str, data: st.DataObject) -> None:
    dataset = read(kind)
    required = required_attributes(str(dataset.SOPClassUID))
    keyword = data.draw(st.sampled_from(sorted(required.with_value | required.present)))
    delattr(dataset, keyword)
    rules = broken_rules(written_without(dataset, keyword))
    assert any(rule.endswith(f".{keyword}") for rule in rules) or "dicom.policy.sop-class" in rules


def places(dataset: Dataset) -> list[tuple[Dataset, int]]:
    """Return every element of a data set and its items as its parent and its tag."""
    found = []
    for element in dataset:
        found.append((dataset, int(element.tag)))
        for one in element.value if element.VR == "SQ" else ():
            found += places(one)
    return found


@settings(max_examples=80, deadline=None)
@given(kind=st.sampled_from(KINDS), data=st.data(), dropped=st.booleans())
def test_whatever_is_wrong_is_an_answer_and_never_a_crash(
    kind: str, data: st.DataObject, dropped: bool
) -> None:
    dataset = read(kind)
    parent, tag = data.draw(st.sampled_from(places(dataset)))
    if dropped:
        del parent[tag]
    else:
        parent[tag].value = [] if parent[tag].VR == "SQ" else None
    blob = written_without(dataset, "SOPClassUID")
    assert all(rule.startswith("dicom.") for rule in broken_rules(blob))


def written_without(dataset: Dataset, keyword: str) -> bytes:
    """Write a file as it is; pydicom would put back what it takes from the file's own header."""
    stream = BytesIO()
    dataset.save_as(stream, enforce_file_format=keyword not in ("SOPClassUID", "SOPInstanceUID"))
    return stream.getvalue()


def test_bytes_that_are_no_file_are_refused() -> None:
    assert broken_rules(b"") == broken_rules(b"not a file" * 100) == {"dicom.file.format"}


def test_another_transfer_syntax_is_refused() -> None:
    dataset = read(KO)
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2"
    stream = BytesIO()
    dataset.save_as(stream, implicit_vr=True, little_endian=True)
    assert broken_rules(stream.getvalue()) == {"dicom.file.syntax"}


def test_a_kind_of_object_that_no_rule_knows_is_refused() -> None:
    dataset = read(SC)
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    assert broken_rules(written(dataset)) == {"dicom.policy.sop-class"}


def test_annotations_name_what_their_coordinates_are_on() -> None:
    dataset = read(ANN)
    dataset.ReferencedImageSequence = []
    dataset.pop("FrameOfReferenceUID", None)
    assert "dicom.ann.image" in broken_rules(written(dataset))


def test_a_measurement_of_annotations_is_one_for_each() -> None:
    dataset = read(ANN)
    (first, *_) = dataset.AnnotationGroupSequence
    assert first.MeasurementsSequence, "the score of each annotation"
    values = first.MeasurementsSequence[0].MeasurementValuesSequence[0]
    values.FloatingPointValues = values.FloatingPointValues[:-4]
    assert "dicom.ann.measurements" in broken_rules(written(dataset))


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("PatientName", "Wetherby^" * 20),
        ("PatientBirthDate", "1970"),
        ("PatientSex", "?"),
        ("AccessionNumber", "A" * 40),
        ("StudyDate", "yesterday"),
    ],
)
def test_what_the_source_has_wrong_costs_no_result(keyword: str, value: str) -> None:
    assert keyword in inherited_attributes()
    for kind in KINDS:
        dataset = read(kind)
        setattr(dataset, keyword, value)
        assert broken_rules(written(dataset)) == set()


def test_every_rule_of_the_table_is_proved() -> None:
    table = set(gate_rules("wetread.core.dicom.gate"))
    elsewhere = {
        "dicom.file.format",
        "dicom.file.syntax",
        "dicom.policy.sop-class",
        "dicom.ann.image",
        "dicom.ann.measurements",
    }
    proved = {rule for rule, _, _ in BROKEN} | elsewhere
    families = {rule for rule in table if rule.endswith(".*")}
    for family in families:
        assert any(rule.startswith(family[:-1]) for rule in proved), family
    ids = {r for r in proved if not any(r.startswith(family[:-1]) for family in families)}
    assert ids == table - families


def test_every_rule_of_the_code_is_in_the_table() -> None:
    table = gate_rules("wetread.core.dicom.gate")
    strings = {
        node.value
        for path in Path(gate.__file__).parent.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    used = {text for text in strings if re.fullmatch(r"dicom\.[A-Za-z0-9.-]+", text)}
    assert {text for text in used if not text.endswith(".")} <= set(table)
    assert {f"{text}*" for text in used if text.endswith(".")} <= set(table)


def test_the_tables_that_two_libraries_keep_private_say_what_is_expected_of_them() -> None:
    required = required_attributes("1.2.840.10008.5.1.4.1.1.66.4")
    assert {"SegmentSequence", "SeriesInstanceUID", "BitsAllocated"} <= required.with_value
    assert {"PatientID", "ReferringPhysicianName"} <= required.present
    assert "CodeMeaning" in (
        required.items["SegmentSequence"].items["SegmentedPropertyTypeCodeSequence"].with_value
    )
    assert {"PatientName", "StudyDescription"} <= inherited_attributes()
    assert "SeriesDescription" not in inherited_attributes()
