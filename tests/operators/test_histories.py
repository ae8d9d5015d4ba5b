"""Whatever happens to a study, in whatever order: the rules of its results hold after each step."""

from __future__ import annotations

import io
import json
import secrets
from collections import defaultdict
from itertools import count
from typing import Any

import pydicom
import pytest
import requests
from google.cloud import secretmanager
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tests.operators.pipeline import Pipeline
from tests.operators.report_study import content, own, predecessor
from tests.operators.test_faults import study_of_its_own

from samples import SampleFile
from wetread.core.dicom.ownership import is_own_result
from wetread.core.dicom.results import result_names
from wetread.core.errors import WetreadError
from wetread.core.fhir.filing import OPEN_STATUSES, SIGNED_STATUSES, UNTAKEN_STATUSES
from wetread.core.fhir.identifiers import (
    CONTENT_SYSTEM,
    RESULT_SYSTEM,
    Identifier,
    client_id,
    content_identifier,
    report_identifier,
)
from wetread.core.identity import encode_key, parse_run_id
from wetread.core.report_lineage import BegunReport

Resource = dict[str, Any]

MODELS = ("Google Cloud Vision", "Another Vision")
"""Titles of the row that looks at the images; another row counts as another model."""

HISTORIES, STEPS = 4, 9
EDITIONS = 12
"""More than a history of so many steps can lead to."""

_numbers = count(8000)


class History(RuleBasedStateMachine):
    """One study, and what senders, operators, engineers and radiologists do to it."""

    pipeline: Pipeline
    environment: pytest.MonkeyPatch

    def __init__(self) -> None:
        super().__init__()
        number = next(_numbers)
        self.folder = f"history-{number}"
        self.uid, files = study_of_its_own(number)
        self.files = [of_patient(file, f"HISTORY-{number}") for file in files]
        self.sources = {uid_of(file) for file in self.files}
        self.versions: list[str] = []
        self.model = 0
        self.patient: Resource | None = None
        self.closed: dict[str, Resource] = {}
        self.objects: dict[str, bytes] = {}
        self.contents: dict[str, set[str]] = defaultdict(set)
        self.follows: dict[str, str | None] = {}
        self.last_filed = self.last_run = ""

    # What happens

    @initialize()
    def the_study_arrives(self) -> None:
        self._choose_model(0)
        self._receive(1)

    @precondition(lambda self: self.files)
    @rule(images=st.integers(1, 2))
    def late_images_arrive(self, images: int) -> None:
        self._receive(images)

    @rule()
    def somebody_asks_for_the_study_again(self) -> None:
        self._read_again()

    @rule()
    def another_model_reads_the_study(self) -> None:
        """The next time it is the first one's turn again."""
        self._choose_model(1 - self.model)
        self._read_again()

    @rule(data=st.data())
    def a_version_runs_again(self, data: st.DataObject) -> None:
        self._run(data.draw(st.sampled_from(self.versions)))

    @rule()
    def all_versions_run_again(self) -> None:
        for run_id in self.versions:
            self._run(run_id)

    @precondition(lambda self: self._open("DiagnosticReport"))
    @rule(data=st.data(), status=st.sampled_from(["final", "final", "cancelled"]))
    def a_radiologist_decides_about_a_report(self, data: st.DataObject, status: str) -> None:
        self._decide(data.draw(st.sampled_from(self._open("DiagnosticReport"))), status)

    @precondition(lambda self: self._signed())
    @rule(data=st.data(), status=st.sampled_from(["amended", "corrected", "appended"]))
    def a_radiologist_changes_a_signed_report(self, data: st.DataObject, status: str) -> None:
        report = data.draw(st.sampled_from(self._signed()))
        self._decide(report, status, conclusion="What the radiologist says.")

    @precondition(lambda self: self._open("Observation"))
    @rule(data=st.data(), status=st.sampled_from(["final", "entered-in-error"]))
    def a_radiologist_decides_about_a_finding(self, data: st.DataObject, status: str) -> None:
        self._decide(data.draw(st.sampled_from(self._open("Observation"))), status)

    @precondition(lambda self: self._open("Task"))
    @rule(status=st.sampled_from(["accepted", "completed", "rejected"]))
    def a_radiologist_takes_a_review(self, status: str) -> None:
        self._decide(self._open("Task")[0], status)

    @rule()
    def the_study_key_rotates(self) -> None:
        installation = self.pipeline.installation
        client = secretmanager.SecretManagerServiceClient(
            **installation.secrets.rest_options("secretmanager")
        )
        name = f"projects/{installation.secrets.project_id}/secrets/wetread-study-key"
        key = encode_key(secrets.token_bytes(32))
        client.add_secret_version(parent=name, payload={"data": key})

    @precondition(lambda self: self.patient is None)
    @rule()
    def the_patient_is_admitted(self) -> None:
        number = self._reports()[0]["subject"]["identifier"]
        answer = requests.post(
            f"{self.pipeline.fhir_url}/Patient",
            json={"resourceType": "Patient", "identifier": [number]},
            headers={"Content-Type": "application/fhir+json"},
            timeout=30,
        )
        answer.raise_for_status()
        self.patient, self.last_run = answer.json(), ""

    # The rules

    @invariant()
    def the_rules_hold(self) -> None:
        self.reports, self.reviews = self._reports(), self._reviews()
        self.observations = self._observations()
        self._what_is_closed_is_as_it_was()
        self._no_two_resources_share_an_identifier()
        self._a_lineage_has_one_open_report_at_most()
        self._the_newest_version_has_the_current_report()
        self._every_content_of_a_report_has_one_origin()
        self._a_report_names_the_one_before()
        self._the_last_result_waits_for_one_review_unless_somebody_took_it()
        self._what_nobody_decided_is_preliminary()
        self._the_objects_are_those_of_the_findings_and_stay_as_they_were()
        self._the_study_is_there_once()

    def _what_is_closed_is_as_it_was(self) -> None:
        for resource in self.closed.values():
            assert self.pipeline.read(resource) == resource

    def _no_two_resources_share_an_identifier(self) -> None:
        names = [own(one) for one in (*self.reports, *self.reviews, *self.observations)]
        assert len(set(names)) == len(names)

    def _a_lineage_has_one_open_report_at_most(self) -> None:
        filed = 0
        for report_id in {self._begun(run_id).report_id for run_id in self.versions}:
            editions = self._editions(report_id)
            assert not [r for r in editions[:-1] if r["status"] in OPEN_STATUSES]
            filed += len(editions)
        assert filed == len(self.reports)

    def _the_newest_version_has_the_current_report(self) -> None:
        newest = self.versions[-1]
        findings = self.pipeline.records(newest).findings()
        report = self.pipeline.report(newest)
        assert content(report) == content_identifier(findings).value
        if self.patient and report["id"] not in self.closed and self.last_run == newest:
            assert report["subject"]["reference"] == f"Patient/{self.patient['id']}"

    def _every_content_of_a_report_has_one_origin(self) -> None:
        for report in self.reports:
            name = Identifier(RESULT_SYSTEM, own(report))
            self.contents[report["id"]].add(content(report))
            made = {
                client_id(name, Identifier(CONTENT_SYSTEM, held), "provenance")
                for held in self.contents[report["id"]]
            }
            found = [origin["id"] for origin in self.pipeline.provenance([report])]
            assert sorted(found) == sorted(made)

    def _a_report_names_the_one_before(self) -> None:
        assert {report["id"]: predecessor(report) for report in self.reports} == self.follows

    def _the_last_result_waits_for_one_review_unless_somebody_took_it(self) -> None:
        waiting = [task for task in self.reviews if task["status"] in UNTAKEN_STATUSES]
        focus = {"reference": f"DiagnosticReport/{self.last_filed}"}
        assert [task["focus"] for task in waiting] in ([focus], [])
        taken = [t for t in self.reviews if t["focus"] == focus and t["id"] in self.closed]
        assert waiting or taken

    def _what_nobody_decided_is_preliminary(self) -> None:
        for resource in (*self.reports, *self.observations):
            assert resource["status"] == "preliminary" or resource["id"] in self.closed
            assert "not for clinical use" in json.dumps(resource).lower()

    def _the_objects_are_those_of_the_findings_and_stay_as_they_were(self) -> None:
        stored = self._stored_objects()
        assert self.objects.items() <= stored.items()
        assert set(stored) == {
            name.sop_instance_uid
            for run_id in self.versions
            for analysis in self.pipeline.records(run_id).findings().analyses
            for name in result_names(self.uid, analysis)
        }
        self.objects = stored

    def _the_study_is_there_once(self) -> None:
        assert len(self.pipeline.resources("ImagingStudy", self.uid)) == 1
        bucket = self.pipeline.installation.storage.client.bucket("wetread-state")
        claims = [json.loads(b.download_as_bytes()) for b in bucket.list_blobs(prefix="claims/")]
        assert [c["study_instance_uid"] for c in claims].count(self.uid) == 1

    def teardown(self) -> None:
        if self.versions:
            assert self.pipeline.intake() == [], "what Wetread wrote opens no version"

    # How

    def _receive(self, images: int) -> None:
        arriving, self.files = self.files[:images], self.files[images:]
        self.pipeline.upload(self.folder, arriving)
        (run_id,) = self.pipeline.intake()
        self.versions.append(run_id)
        self._run(run_id)

    def _read_again(self) -> None:
        (run_id,) = self.pipeline.request(self.uid)
        self.versions.append(run_id)
        self._run(run_id)

    def _run(self, run_id: str) -> None:
        results = self.pipeline.run(run_id)
        failed = [str(result) for result in results.values() if isinstance(result, WetreadError)]
        assert not failed
        filed = results["write_fhir_report"]["status"]
        is_newest = run_id == self.versions[-1]
        assert is_newest or filed == "superseded"
        self.last_run = run_id
        if filed in ("preliminary", "beside"):
            self.last_filed = self.pipeline.report(run_id)["id"]
            self.follows[self.last_filed] = self._predecessor_of(run_id)
            assert (filed == "beside") == bool(self._signed())

    def _choose_model(self, model: int) -> None:
        self.model = model
        analyses = {"vision": {"title": MODELS[model]}}
        changed = json.dumps({"quiet_period_seconds": 1, "analyses": analyses})
        self.environment.setenv("AIRFLOW_VAR_WETREAD_SETTINGS", changed)

    def _decide(self, resource: Resource, status: str, **changes: Any) -> None:
        decided = self.pipeline.decide(resource, status=status, **changes)
        self.closed[decided["id"]] = decided

    def _reports(self) -> list[Resource]:
        return self.pipeline.reports(self.uid)

    def _reviews(self) -> list[Resource]:
        return self.pipeline.reviews(self.uid)

    def _observations(self) -> list[Resource]:
        """Return all of the study, also those that no report refers to any more."""
        (study,) = self.pipeline.resources("ImagingStudy", self.uid)
        source = {"reference": f"ImagingStudy/{study['id']}"}
        everything = self.pipeline.resources("Observation")
        return [one for one in everything if source in one["derivedFrom"]]

    def _open(self, kind: str) -> list[Resource]:
        """Return what a person may still decide about: what a report or the worklist shows."""
        if not self.versions:
            return []
        reports = [r for r in self._reports() if r["status"] in OPEN_STATUSES]
        if kind == "DiagnosticReport":
            return sorted(reports, key=own)
        if kind == "Task":
            return [task for task in self.reviews if task["status"] in UNTAKEN_STATUSES]
        results = [o for r in reports for o in self.pipeline.observations(r)]
        return sorted((o for o in results if o["status"] == "preliminary"), key=own)

    def _signed(self) -> list[Resource]:
        if not self.versions:
            return []
        return sorted((r for r in self._reports() if r["status"] in SIGNED_STATUSES), key=own)

    def _begun(self, run_id: str) -> BegunReport:
        begun = self.pipeline.installation.state.find_begun_report(parse_run_id(run_id))
        assert begun is not None
        return begun

    def _editions(self, report_id: str) -> list[Resource]:
        by_name = {own(report): report for report in self._reports()}
        names = [report_identifier(report_id, edition).value for edition in range(EDITIONS)]
        return [by_name[name] for name in names if name in by_name]

    def _predecessor_of(self, run_id: str) -> str | None:
        """Return the id of the report that a version's report, just filed, is to name."""
        begun = self._begun(run_id)
        *editions, _ = self._editions(begun.report_id)
        if not editions:
            others = map(self._editions, begun.predecessor_ids)
            editions = next((written for written in others if written), [])
        return str(editions[-1]["id"]) if editions else None

    def _stored_objects(self) -> dict[str, bytes]:
        dicomweb, subject = self.pipeline.installation.dicomweb, "the history's study"
        stored = dicomweb.study_metadata(self.uid, subject)
        uids = [(i["0020000E"]["Value"][0], i["00080018"]["Value"][0]) for i in stored]
        mine = [uid for uid, item in zip(uids, stored, strict=True) if is_own_result(item)]
        assert {sop for _, sop in uids} - {sop for _, sop in mine} <= self.sources
        return {
            sop: dicomweb.retrieve_instance(self.uid, series, sop, subject) for series, sop in mine
        }


def test_the_rules_hold_after_every_step_of_any_history(
    shared_pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let a study live through random histories, and check after each step that

    - what a person closed - a report, an Observation, a review - is as it was, to its version id;
    - no two reports, Observations or reviews share an identifier;
    - a lineage of reports has at most one that is open, and it is the last edition;
    - the newest version's report holds what that version found, about the patient who is known;
    - each content that a report ever held has exactly one Provenance;
    - a report names the one that it follows, and only then one;
    - at most one review waits for somebody, and it is of the last result that was filed; where
      none waits, somebody took it;
    - all that nobody decided is preliminary, and says that it is not for clinical use;
    - the DICOM objects of ours are those of the findings, and their bytes never change;
    - no task failed, only the newest version writes, and what Wetread writes starts no run;
    - the study and its claim are there once, whatever key names new studies.
    """
    monkeypatch.setattr("wetread.operators.study_claim._PULL_SECONDS", 0.1)
    History.pipeline, History.environment = shared_pipeline, monkeypatch
    run_state_machine_as_test(
        History,
        settings=settings(
            max_examples=HISTORIES,
            stateful_step_count=STEPS,
            deadline=None,
            print_blob=True,
            phases=(Phase.explicit, Phase.reuse, Phase.generate),
            suppress_health_check=list(HealthCheck),
        ),
    )


def of_patient(file: SampleFile, number: str) -> SampleFile:
    """Return the file as that of another patient."""
    dataset, stream = pydicom.dcmread(io.BytesIO(file.content)), io.BytesIO()
    dataset.PatientID = number
    dataset.save_as(stream)
    return SampleFile(file.name, stream.getvalue())


def uid_of(file: SampleFile) -> str:
    return str(pydicom.dcmread(io.BytesIO(file.content)).SOPInstanceUID)
