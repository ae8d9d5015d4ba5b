"""The gate before the FHIR store: each rule is seen to hold back what breaks it."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable
from copy import deepcopy
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.fhir.cases import GOLDEN

from wetread.core.errors import PermanentError
from wetread.core.fhir import gate
from wetread.core.fhir.directory import endpoint, model_device, organization, wetread_device
from wetread.core.fhir.gate import check_bundle, check_resource
from wetread.core.fhir.gate.bindings import bindings, read_bindings
from wetread.core.fhir.gate.check import violations
from wetread.core.fhir.identifiers import PREDECESSOR_EXTENSION, REGION_EXTENSION
from wetread.core.findings import AnalysisSource
from wetread.core.violation import gate_rules

Bundle = dict[str, Any]
Change = Callable[[Bundle], object]
SECRET = "Wetherby^Quentin"
DIV = '<div xmlns="http://www.w3.org/1999/xhtml">{}</div>'
BINDINGS = files("wetread.core.fhir.gate").joinpath("bindings.toml").read_text("utf-8")


def bundle(name: str = "candidates") -> Bundle:
    return dict(json.loads((GOLDEN / f"{name}.json").read_text("utf-8")))


def entry(of: Bundle, kind: str) -> Bundle:
    return next(e for e in of["entry"] if e["resource"]["resourceType"] == kind)


def resource(of: Bundle, kind: str) -> Bundle:
    return dict.get(entry(of, kind), "resource") or {}


def put(kind: str, *path: str | int, value: Any) -> Change:
    """Set one element of the first resource of a type."""

    def change(of: Bundle) -> None:
        *parents, last = path
        element: Any = resource(of, kind)
        for part in parents:
            element = element[part]
        element[last] = value

    return change


def put_in_entry(kind: str, *path: str, value: Any) -> Change:
    def change(of: Bundle) -> None:
        *parents, last = path
        element: Any = entry(of, kind)
        for part in parents:
            element = element[part]
        element[last] = value

    return change


def drop(kind: str, name: str) -> Change:
    return lambda of: resource(of, kind).pop(name)


def twice(kind: str, **changes: Any) -> Change:
    """Add the entry of a type once more, with other ``changes``."""
    return lambda of: of["entry"].append({**deepcopy(entry(of, kind)), **changes})


def broken_rules(of: Bundle) -> set[str]:
    return {violation.rule for violation in violations(of)}


OTHER_URL = "urn:uuid:00000000-0000-4000-8000-000000000000"
OBSERVATION_CODE = {"coding": [{"system": "http://snomed.info/sct", "code": "1"}]}

BROKEN: list[tuple[str, Change]] = [
    ("fhir.model.missing", drop("Observation", "code")),
    ("fhir.model.extra_forbidden", put("Observation", "colour", value=SECRET)),
    ("fhir.model.unreadable", put("Media", "content", "url", value=False)),
    ("fhir.ele-1", put("Observation", "note", value=[])),
    ("fhir.ele-1", put("Observation", "bodySite", value={"text": None})),
    ("fhir.binding.Observation.status", put("Observation", "status", value=SECRET)),
    ("fhir.binding.ImagingStudy.status", put("ImagingStudy", "status", value="final")),
    ("fhir.binding.Task.intent", put("Task", "intent", value="wish")),
    ("fhir.binding.Task.priority", put("Task", "priority", value="now")),
    ("fhir.binding.Media.status", put("Media", "status", value="final")),
    ("fhir.binding.Provenance.entity.role", put("Provenance", "entity", 0, "role", value="cause")),
    ("fhir.binding.Binary.contentType", put("Binary", "contentType", value="html")),
    ("fhir.binding.Attachment.contentType", put("Media", "content", "contentType", value="png")),
    ("fhir.binding.Narrative.status", put("Task", "text", "status", value="made")),
    ("fhir.binding.Identifier.use", put("Task", "identifier", 0, "use", value="mine")),
    (
        "fhir.binding.Bundle.entry.request.method",
        put_in_entry("Task", "request", "method", value="MERGE"),
    ),
    ("fhir.binding.Bundle.type", lambda of: of.update(type="heap")),
    ("fhir.bundle.type", lambda of: of.update(type="batch")),
    ("fhir.bundle.entries", lambda of: of["entry"].extend([patient_entry()] * 4500)),
    ("fhir.bundle.size", put("Task", "description", value="x" * 10_000_000)),
    ("fhir.bundle.fullUrl", put_in_entry("Task", "fullUrl", value="Task/1")),
    ("fhir.bdl-7", twice("Task")),
    ("fhir.bdl-3", lambda of: entry(of, "Task").pop("request")),
    ("fhir.bundle.resource", lambda of: of["entry"].append(patient_entry())),
    ("fhir.bundle.method", put_in_entry("Task", "request", "method", value="POST")),
    ("fhir.bundle.url", put_in_entry("Task", "request", "url", value="Task?identifier=a%7Cb")),
    ("fhir.bundle.url", put_in_entry("Task", "request", "url", value="Media?identifier=a%7Cb")),
    ("fhir.bundle.url", put_in_entry("Provenance", "request", "url", value="Provenance/other")),
    ("fhir.bundle.twice", twice("Task", fullUrl=OTHER_URL)),
    ("fhir.bundle.ifMatch", put_in_entry("Task", "request", "ifMatch", value="7")),
    ("fhir.reference.dangling", put("Task", "focus", value={"reference": OTHER_URL})),
    ("fhir.reference.form", put("Task", "requester", value={"reference": "https://else/Device/1"})),
    ("fhir.reference.form", put("Task", "requester", value={"reference": "Device?identifier=1"})),
    ("fhir.reference.target", put("Task", "requester", value={"reference": "Media/1"})),
    (
        "fhir.reference.target",
        put("Task", "requester", value={"reference": "Device/1", "type": "Patient"}),
    ),
    (
        "fhir.reference.target",
        lambda of: resource(of, "DiagnosticReport").update(
            imagingStudy=[{"reference": entry(of, "Task")["fullUrl"]}]
        ),
    ),
    ("fhir.reference.empty", put("Task", "requester", value={"type": "Device"})),
    ("fhir.code.unknown", put("Task", "code", "coding", 0, "code", value="review")),
    ("fhir.code.display", put("Task", "code", "coding", 0, "display", value=SECRET)),
    (
        "fhir.code.display",
        put("Observation", "component", 0, "valueQuantity", "unit", value="percent"),
    ),
    ("fhir.coding", put("Task", "code", "coding", value=[{"code": "review-ai-result"}])),
    (
        "fhir.att-1",
        put("DiagnosticReport", "presentedForm", value=[{"data": "AAAA"}]),
    ),
    ("fhir.ext-1", put("Observation", "extension", value=[{"url": "https://else/nothing"}])),
    ("fhir.txt-1", put("Task", "text", "div", value=DIV.format("<script/>x"))),
    ("fhir.txt-1", put("Task", "text", "div", value=DIV.format("<p>"))),
    ("fhir.txt-1", put("Task", "text", "div", value=DIV.format(" "))),
    ("fhir.txt-1", put("Task", "text", "div", value="<div>not for clinical use</div>")),
    ("fhir.txt-1", put("Task", "text", "div", value=DIV.format('<p onclick="x">x</p>'))),
    ("fhir.obs-6", put("Observation", "dataAbsentReason", value={"text": "unknown"})),
    (
        "fhir.obs-7",
        lambda of: resource(of, "Observation")["component"].append(
            {"code": resource(of, "Observation")["code"], "valueString": "again"}
        ),
    ),
    (
        "fhir.per-1",
        put("Task", "restriction", "period", "start", value="2999-01-01T00:00:00Z"),
    ),
    ("fhir.per-1", put("Task", "restriction", "period", "start", value="2999-01-01")),
    (
        "fhir.qty-3",
        lambda of: resource(of, "Observation")["component"][0]["valueQuantity"].pop("system"),
    ),
    ("fhir.inv-1", put("Task", "lastModified", value="2001-01-01T00:00:00Z")),
    ("fhir.dom-6", drop("ImagingStudy", "text")),
    ("fhir.imaging-study.count", put("ImagingStudy", "numberOfInstances", value=7)),
    ("fhir.imaging-study.count", put("ImagingStudy", "numberOfSeries", value=7)),
    ("fhir.imaging-study.count", put("ImagingStudy", "series", 0, "numberOfInstances", value=7)),
    (
        "fhir.imaging-study.uid",
        put("ImagingStudy", "series", 0, "uid", value="urn-oid-1.2"),
    ),
    (
        "fhir.imaging-study.uid-twice",
        lambda of: resource(of, "ImagingStudy")["series"][0]["instance"][0].update(
            uid=resource(of, "ImagingStudy")["series"][0]["instance"][1]["uid"]
        ),
    ),
    ("fhir.policy.notice", put("Observation", "text", "div", value=DIV.format("present"))),
    ("fhir.policy.preliminary", put("Observation", "status", value="final")),
    ("fhir.policy.preliminary", put("DiagnosticReport", "status", value="final")),
    (
        "fhir.policy.interpreter",
        put("DiagnosticReport", "resultsInterpreter", value=[{"reference": "Practitioner/1"}]),
    ),
    (
        "fhir.policy.extension",
        put("Task", "extension", value=[{"url": "https://else/colour", "valueCode": "red"}]),
    ),
    (
        "fhir.policy.contained",
        put("Task", "contained", value=[{"resourceType": "Patient", "id": "p"}]),
    ),
    ("fhir.policy.one-report", lambda of: of["entry"].remove(entry(of, "DiagnosticReport"))),
    ("fhir.policy.result", drop("DiagnosticReport", "result")),
    (
        "fhir.policy.provenance",
        put("Provenance", "target", value=[{"reference": "DiagnosticReport/1"}]),
    ),
]


def patient_entry() -> Bundle:
    return {
        "fullUrl": OTHER_URL,
        "resource": {"resourceType": "Patient", "id": "p", "active": True},
        "request": {"method": "PUT", "url": "Patient/p"},
    }


@pytest.mark.parametrize("name", sorted(path.stem for path in GOLDEN.iterdir()))
def test_what_is_written_keeps_every_rule(name: str) -> None:
    assert list(violations(bundle(name))) == []


@pytest.mark.parametrize(("rule", "change"), BROKEN, ids=[rule for rule, _ in BROKEN])
def test_a_broken_rule_is_named_and_never_the_value(rule: str, change: Change) -> None:
    broken = bundle()
    change(broken)
    assert rule in broken_rules(broken)
    with pytest.raises(PermanentError) as raised:
        check_bundle(broken, "k1-x")
    assert raised.value.code == "result-invalid"
    assert str(raised.value).startswith("[result-invalid] FHIR result of k1-x: ")
    assert SECRET not in str(raised.value)


def directory() -> list[Bundle]:
    return [
        model_device(AnalysisSource("phantom-nodule", "1", "5e78" * 16, "4711", "sha256:c0")),
        wetread_device(),
        organization("General Hospital"),
        endpoint("https://healthcare.googleapis.com/v1/a/dicomWeb"),
    ]


@pytest.mark.parametrize("kept", directory(), ids=lambda kept: str(kept["resourceType"]))
def test_what_reports_refer_to_keeps_the_rules_of_a_resource(kept: Bundle) -> None:
    check_resource(kept, "k1-x")
    with pytest.raises(PermanentError, match=r"k1-x: [A-Za-z]+.text breaks fhir\.dom-6"):
        check_resource({name: kept[name] for name in kept if name != "text"}, "k1-x")
    with pytest.raises(PermanentError, match=r"breaks fhir\.model\.extra_forbidden"):
        check_resource({**kept, "colour": SECRET}, "k1-x")


def test_an_organization_has_a_name_or_a_number() -> None:
    nameless = organization("General Hospital")
    del nameless["identifier"], nameless["name"]
    with pytest.raises(PermanentError, match=r"breaks fhir\.org-1"):
        check_resource(nameless, "k1-x")


def test_every_rule_of_the_table_is_proved() -> None:
    table = set(gate_rules("wetread.core.fhir.gate"))
    proved = {rule for rule, _ in BROKEN} | {"fhir.org-1"}
    families = {rule for rule in table if rule.endswith(".*")}
    for family in families:
        assert any(rule.startswith(family[:-1]) for rule in proved), family
    ids = {r for r in proved if not any(r.startswith(family[:-1]) for family in families)}
    assert ids == table - families


def test_every_rule_of_the_code_is_in_the_table() -> None:
    table = gate_rules("wetread.core.fhir.gate")
    folder = Path(gate.__file__).parent
    strings = {
        node.value
        for path in folder.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    used = {text for text in strings if re.fullmatch(r"fhir\.[A-Za-z0-9.-]+", text)}
    families = {id_[:-1] for id_ in table if id_.endswith(".*")}
    alone = {text for text in used if not text.startswith(tuple(families))}
    assert alone <= set(table)


def test_rules_say_what_holds_and_who_demands_it() -> None:
    for rule in gate_rules("wetread.core.fhir.gate").values():
        assert rule.text.endswith(".")
        assert rule.source


def withdrawn_task() -> Bundle:
    """Return an older Task of the store, as a person and an earlier version left it."""
    task = deepcopy(resource(bundle(), "Task"))
    task["id"] = "t-1"
    task["status"] = "cancelled"
    task["code"]["coding"][0]["display"] = "As it was called in 2025"
    task["text"]["div"] = DIV.format("mine")
    task["owner"] = {"reference": "https://elsewhere.example.org/fhir/Practitioner/7"}
    request = {"method": "PUT", "url": "Task/t-1", "ifMatch": 'W/"MTY"'}
    return {"fullUrl": OTHER_URL, "resource": task, "request": request}


def test_a_task_that_is_only_withdrawn_keeps_what_others_wrote_in_it() -> None:
    written = bundle()
    written["entry"].append(withdrawn_task())
    assert broken_rules(written) == set()


def test_extensions_are_those_that_are_published() -> None:
    folder = Path(__file__).parents[3] / "docs/reference/fhir"
    published = {json.loads(p.read_text("utf-8"))["url"] for p in folder.glob("StructureDef*.json")}
    assert published == {PREDECESSOR_EXTENSION, REGION_EXTENSION}
    written = bundle()
    for url in published:
        value = {"url": url, "valueReference": {"reference": "DiagnosticReport/d-0"}}
        resource(written, "DiagnosticReport")["extension"] = [value]
        assert broken_rules(written) == set()


def test_a_logical_reference_to_the_wrong_type_is_refused() -> None:
    written = bundle()
    subject = {"type": "Device", "identifier": {"system": "urn:oid:1.2", "value": "7"}}
    resource(written, "ImagingStudy")["subject"] = subject
    assert "fhir.reference.target" not in broken_rules(written), "R4: a Device may be the subject"
    subject["type"] = "Practitioner"
    assert "fhir.reference.target" in broken_rules(written)


def test_an_identifier_with_commas_is_found_in_its_escaped_url() -> None:
    written = bundle()
    task = entry(written, "Task")
    task["resource"]["identifier"] = [{"system": "urn:oid:1.2", "value": "a,b|c"}]
    task["request"]["url"] = "Task?identifier=urn:oid:1.2%7Ca%5C%2Cb%5C%7Cc"
    assert broken_rules(written) == set()


def places(element: Any) -> list[tuple[Any, Any]]:
    """Return every member of a document as its parent and its name or number."""
    members = element.items() if isinstance(element, dict) else enumerate(element)
    found = []
    for name, value in list(members):
        found.append((element, name))
        if isinstance(value, dict | list):
            found += places(value)
    return found


ODD = st.none() | st.booleans() | st.integers() | st.text() | st.just({}) | st.just([])


@settings(max_examples=80, deadline=None)
@given(data=st.data(), odd=ODD, dropped=st.booleans())
def test_whatever_is_wrong_is_an_answer_and_never_a_crash(
    data: st.DataObject, odd: object, dropped: bool
) -> None:
    written = bundle()
    parent, name = data.draw(st.sampled_from(places(written)))
    if dropped:
        del parent[name]
    else:
        parent[name] = odd
    assert all(rule.startswith("fhir.") for rule in broken_rules(written))


@settings(max_examples=60, deadline=None)
@given(code=st.text(min_size=1, max_size=12), data=st.data())
def test_no_code_from_outside_a_closed_list_passes(code: str, data: st.DataObject) -> None:
    paths = {
        "Observation.status": put("Observation", "status", value=code),
        "Media.status": put("Media", "status", value=code),
        "Task.status": put("Task", "status", value=code),
        "DiagnosticReport.status": put("DiagnosticReport", "status", value=code),
    }
    path = data.draw(st.sampled_from(sorted(paths)))
    kind, field = path.split(".")
    (binding,) = (b for b in bindings().of_type[kind] if b.field == field)
    written = bundle()
    paths[path](written)
    refused = broken_rules(written) & {f"fhir.binding.{path}"} or {
        rule for rule in broken_rules(written) if rule.startswith("fhir.model.")
    }
    assert bool(refused) != bool(binding.allows(code))


@pytest.mark.parametrize(
    ("broken", "problem"),
    [
        (BINDINGS.replace('= "task-intent"', '= "task-wish"'), KeyError),
        (BINDINGS.replace('  "Task",\n', ""), ValueError),
        (BINDINGS.replace('"Task.intent" = "task-intent"\n', ""), ValueError),
        (re.sub(r'codes = \["routine".*\]', "codes = []", BINDINGS), ValueError),
        (re.sub(r'source = ".*request-priority.html"', 'source = ""', BINDINGS), ValueError),
    ],
    ids=["no value set", "type not listed", "unused value set", "no codes", "no source"],
)
def test_a_table_of_bindings_with_a_gap_is_refused(broken: str, problem: type[Exception]) -> None:
    assert broken != BINDINGS
    with pytest.raises(problem):
        read_bindings(broken)


def closed_lists() -> dict[str, set[str]]:
    """Return the codes that the models name for an element in passing, by its path.

    They name the first few only, and those of some elements that no list closes.
    """
    from fhir.resources.R4B import get_fhir_model_class

    found: dict[str, set[str]] = {}
    waiting = [(kind, get_fhir_model_class(kind)) for kind in bindings().types]
    while waiting:
        path, model = waiting.pop()
        for name, field in model.model_fields.items():
            extra = field.json_schema_extra or {}
            place = f"{path}.{field.alias or name}"
            if values := {value for value in extra.get("enum_values", ()) if value.isidentifier()}:
                found[place] = values
            part = f"{model.get_resource_type()}{name[0].upper()}{name[1:]}"
            if part in str(field.annotation):
                waiting.append((place, get_fhir_model_class(part)))
    return found


def test_the_table_of_bindings_agrees_with_the_models() -> None:
    ours = {b.path: b for rows in bindings().of_type.values() for b in rows}
    named = closed_lists()
    assert "Provenance.entity.role" in named
    for path in named.keys() & ours.keys():
        assert all(ours[path].allows(code) for code in named[path]), path
    assert named.keys() - ours.keys() == set()
