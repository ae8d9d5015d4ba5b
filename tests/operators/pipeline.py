"""The pipeline's operators, run in their order in this process against a real local cloud."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import requests

from wetread.core.errors import WetreadError
from wetread.core.fhir.filing import result_references
from wetread.core.fhir.identifiers import family_identifier
from wetread.core.findings import AnalysisFindings, AnalysisName
from wetread.core.identity import parse_run_id
from wetread.gcp.study_records import StudyRecords
from wetread.gcp.study_reports import find_report, find_reports
from wetread.hooks.installation import Installation
from wetread.operators.alerts import RaiseAlertOperator
from wetread.operators.dicom_results import WriteDicomResultsOperator
from wetread.operators.fhir_report import WriteFhirReportOperator
from wetread.operators.image_analysis import AnalyzeImagesOperator
from wetread.operators.source_archive import ArchiveSourceOperator
from wetread.operators.study import StudyOperator
from wetread.operators.study_claim import ClaimStudiesOperator
from wetread.operators.study_import import ImportStudyOperator
from wetread.operators.study_resolution import ResolveStudyOperator
from wetread.sensors.study_complete import StudyCompleteSensor

CONNECTION = "google_cloud_default"


@dataclass
class TaskInstance:
    """What operators use of Airflow's task instance."""

    runs: set[str] = field(default_factory=set)
    running: int = 0
    xcoms: dict[str, Any] = field(default_factory=dict)
    try_number: int = 1

    def xcom_push(self, key: str, value: Any) -> None:
        self.xcoms[key] = value

    def get_dr_count(
        self, dag_id: str, run_ids: list[str] | None = None, states: list[str] | None = None
    ) -> int:
        return self.running if run_ids is None else len(self.runs.intersection(run_ids))


@dataclass
class Pipeline:
    """One installation; ``runs`` are the run ids that were started."""

    runs: set[str] = field(default_factory=set)
    running: int = 0

    @property
    def installation(self) -> Installation:
        return Installation(CONNECTION)

    def set_up(self) -> None:
        """Create what the installation needs, as ``platform_setup`` does."""
        platform = self.installation.platform
        platform.create_topics()
        platform.create_buckets()
        platform.create_stores()
        platform.create_study_key()
        platform.validate()

    def upload(
        self, folder: str, files: Iterable[tuple[str, bytes]], *, complete: bool = True
    ) -> None:
        """Put files into a sender's folder, and ``_COMPLETE`` after them."""
        bucket = self.installation.storage.client.bucket("wetread-incoming")
        for name, content in files:
            bucket.blob(f"incoming/{folder}/{name}").upload_from_string(content)
        if complete:
            bucket.blob(f"incoming/{folder}/_COMPLETE").upload_from_string(b"")

    def objects(self, prefix: str) -> list[str]:
        client = self.installation.storage.client
        return [blob.name for blob in client.list_blobs("wetread-incoming", prefix=prefix)]

    def intake(self) -> list[str]:
        """Run one round of intake; return the ids of the runs that it starts."""
        operator = ClaimStudiesOperator(task_id="claim_studies", pipeline_dag_id="study_pipeline")
        return self._start(operator.execute(self._context()))

    def wait_quiet(self) -> None:
        """Let the quiet period of the test's settings pass."""
        time.sleep(self.installation.settings.quiet_period_seconds)

    def request(
        self, study: str, priority: str = "routine", request: str | None = None
    ) -> list[str]:
        """Ask for a study as the form does; ``request`` is the run id of a request made before."""
        run_id = request or f"manual__{uuid.uuid4()}"
        context = self._context(params={"study": study, "priority": priority}, run_id=run_id)
        return self._start(
            ResolveStudyOperator(task_id="resolve_study", pipeline_dag_id="study_pipeline").execute(
                context
            )
        )

    def run(self, run_id: str, without: Collection[str] = ()) -> dict[str, Any]:
        """Run a study's tasks as ``study_pipeline`` orders them; return what each returned.

        A task that fails stands with its error; tasks whose trigger rule it breaks do not run, nor
        do those that a test leaves out because it is about others.
        """
        results: dict[str, Any] = {}
        self._await(run_id)
        rows = self._task(ImportStudyOperator, "import_study", run_id, results)
        if isinstance(rows, Exception):
            return results
        for row in rows:
            name = f"analyze_images[{row['row_id']}]"
            self._task(AnalyzeImagesOperator, name, run_id, results, row=row)
        for writer, name in (
            (WriteDicomResultsOperator, "write_dicom_results"),
            (WriteFhirReportOperator, "write_fhir_report"),
            (RaiseAlertOperator, "raise_alert"),
        ):
            if name not in without:
                self._task(writer, name, run_id, results)
        if not any(isinstance(result, Exception) for result in results.values()):
            self._task(ArchiveSourceOperator, "archive_source", run_id, results)
        return results

    def _await(self, run_id: str) -> None:
        sensor = StudyCompleteSensor(task_id="await_study", study=run_id)
        deadline = time.monotonic() + 5 * self.installation.settings.quiet_period_seconds
        while not sensor.poke(self._context()):
            assert time.monotonic() < deadline, "the study is not complete"
            time.sleep(0.05)

    def seal(self, run_id: str) -> None:
        """Run the first step of the import only, as if its worker died then."""
        operator = ImportStudyOperator(task_id="import_study", study=run_id)
        claim = self.installation.state.claim(operator.version.study_key)
        operator._import.seal(claim, datetime.now(UTC))

    def process(self, folder: str, files: Iterable[tuple[str, bytes]]) -> dict[str, Any]:
        """Upload one study, take it in and run it."""
        self.upload(folder, files)
        (run_id,) = self.intake()
        return self.run(run_id)

    def left_behind(self, run_id: str, study_instance_uid: str) -> dict[str, Any]:
        """Return all that one study left in the stores, without what names the study."""
        summary = self.summary(run_id)
        del summary["study_key"]
        reports = self.reports(study_instance_uid)
        observations = [o for report in reports for o in self.observations(report)]
        studies = self.resources("ImagingStudy", study_instance_uid)
        provenance = self.provenance(reports)
        return {
            "summary": summary,
            "studies": len(studies),
            "reports": sorted(
                (r["status"], r["conclusion"], len(r.get("result", []))) for r in reports
            ),
            "observations": sorted(o["status"] for o in observations),
            "media": sum(len(report.get("media", [])) for report in reports),
            "reviews": sorted(task["status"] for task in self.reviews(study_instance_uid)),
            "provenance": len(provenance),
            "instances": len(self.instance_uids(study_instance_uid)),
            "staged": self.objects("staging/"),
        }

    def provenance(self, reports: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the Provenances that are about any of some reports."""
        targets = {f"DiagnosticReport/{report['id']}" for report in reports}
        return [
            one
            for one in self.resources("Provenance")
            if targets & {target["reference"] for target in one["target"]}
        ]

    def resources(
        self, resource_type: str, study_instance_uid: str | None = None
    ) -> list[dict[str, Any]]:
        """Return resources of the FHIR store, all of a type or those of a study's identifier."""
        identifier = f"urn:dicom:uid|urn:oid:{study_instance_uid}"
        params = {"_count": "1000"} | ({"identifier": identifier} if study_instance_uid else {})
        answer = requests.get(f"{self.fhir_url}/{resource_type}", params=params, timeout=30)
        answer.raise_for_status()
        return [entry["resource"] for entry in answer.json().get("entry", [])]

    def instance_uids(self, study_instance_uid: str) -> frozenset[str]:
        return self.installation.dicomweb.instance_uids(study_instance_uid, "the test's study")

    def alerts(self, run_id: str) -> set[str]:
        """Take what waits in the subscription of critical alerts; return the study's alert ids."""
        subscription = self.installation.pubsub.subscription("critical-alerts-audit")
        messages = subscription.pull(100, 1)
        subscription.acknowledge([message.ack_id for message in messages])
        return {
            message.attributes["alert_id"]
            for message in messages
            if message.attributes["study_key"] in run_id
        }

    def summary(self, run_id: str) -> dict[str, Any]:
        """Return the summary that the last task wrote."""
        _, key, version = run_id.split("__")
        bucket = self.installation.storage.client.bucket("wetread-state")
        return dict(
            json.loads(bucket.blob(f"studies/{key}/{version}/summary.json").download_as_bytes())
        )

    def records(self, run_id: str) -> StudyRecords:
        """Return what the state bucket holds of a study's version."""
        state, settings = self.installation.state, self.installation.settings
        return StudyRecords(parse_run_id(run_id), state, settings)

    def analyses(self, run_id: str, row_id: str) -> dict[str, AnalysisFindings]:
        """Return what each analysis of a plan row found, live or shadow, as far as it succeeded."""
        records = self.records(run_id)
        names = records.plan.row(row_id).analyses
        found = {name: records.find(AnalysisName(row_id, name)) for name in names}
        return {name: findings for name, findings in found.items() if findings}

    def report(self, run_id: str) -> dict[str, Any]:
        """Return the report of a study's version, in its newest edition."""
        report = find_report(self.installation.fhir, self.records(run_id))
        assert report is not None
        return report

    def reports(self, study_instance_uid: str) -> list[dict[str, Any]]:
        """Return all reports of a study."""
        return find_reports(self.installation.fhir, study_instance_uid, "the test's study")

    def reviews(self, study_instance_uid: str) -> list[dict[str, Any]]:
        """Return all Tasks to review a study's results."""
        criterion = family_identifier(study_instance_uid).criterion
        return self.installation.fhir.find_all("Task", criterion, "the test's reviews")

    def observations(self, report: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the Observations that a report refers to."""
        return self.installation.fhir.read_all(result_references(report), "the test's results")

    def decide(self, resource: dict[str, Any], **changes: Any) -> dict[str, Any]:
        """Change a resource as a person does in another system; return it as it then is."""
        kind, identifier = resource["resourceType"], resource["id"]
        answer = requests.put(
            f"{self.fhir_url}/{kind}/{identifier}",
            json={**resource, **changes},
            headers={"Content-Type": "application/fhir+json", "If-Match": _entity_tag(resource)},
            timeout=30,
        )
        answer.raise_for_status()
        return dict(answer.json())

    def read(self, resource: dict[str, Any]) -> dict[str, Any]:
        """Return a resource as it is now."""
        name = f"{resource['resourceType']}/{resource['id']}"
        (found,) = self.installation.fhir.read_all([name], "a resource of a test")
        return found

    @property
    def fhir_url(self) -> str:
        """Where the FHIR store is, for those who are not Wetread."""
        hook, settings = self.installation.healthcare, self.installation.settings
        store = self.installation.dataset.fhir_store(settings.fhir_store)
        return f"{hook.endpoint('healthcare')}/v1/{store}/fhir"

    def _start(self, runs: list[dict[str, Any]]) -> list[str]:
        started = [run["trigger_run_id"] for run in runs]
        self.runs.update(started)
        return started

    def _task(
        self,
        operator: type[StudyOperator],
        name: str,
        run_id: str,
        results: dict[str, Any],
        **arguments: Any,
    ) -> Any:
        task = operator(task_id=name.partition("[")[0], study=run_id, **arguments)
        try:
            results[name] = task.execute(self._context())
        except WetreadError as error:
            results[name] = error
        return results[name]

    def _context(self, **more: Any) -> Any:
        return {"ti": TaskInstance(self.runs, self.running), **more}


def _entity_tag(resource: dict[str, Any]) -> str:
    return f'W/"{resource["meta"]["versionId"]}"'
