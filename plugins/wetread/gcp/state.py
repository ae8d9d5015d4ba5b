"""The state bucket: the one place that knows which study a key stands for.

===================================================  ==============================================
``claims/<study key>.json``                          the claim; created once, changed against its
                                                     generation
``queue/<priority>/<opened at>_<key>__v<n>.json``    versions that wait for a run
``index/<token of a folder>.json``                   headers already read, by object generation
``studies/<key>/v<n>/manifest.json``                 what the version consists of; written once
``studies/<key>/v<n>/import.json``                   what the store refused; written once
``studies/<key>/findings/<digest>/<row> <id>.json``  what an analysis of a plan row found; once
``studies/<key>/v<n>/alerts/<alert id>.json``        an alert that was published
``studies/<key>/v<n>/report.json``                   which report the version writes, or wrote; once
``studies/<key>/v<n>/summary.json``                  how the version ended
``heads/<name>``                                     weights for a foundation model's embeddings
``pictures/<key>/<row>/<try>/<number>.png``          a picture too large for a request, for a while
===================================================  ==============================================
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from wetread.core.arrivals import Arrival, arrival_from_json, arrival_to_json
from wetread.core.claim import Claim, Priority, claim_from_json
from wetread.core.errors import problem
from wetread.core.findings import (
    AnalysisFindings,
    AnalysisName,
    analysis_from_json,
    analysis_to_json,
)
from wetread.core.identity import KeyRing, StudyVersion, parse_run_id
from wetread.core.manifest import Manifest, manifest_from_json
from wetread.core.report_lineage import BegunReport, begun_report_from_json
from wetread.gcp.storage import Bucket


@dataclass(frozen=True)
class Claimed:
    """A claim and the generation it was read at."""

    claim: Claim
    generation: int


@dataclass(frozen=True)
class Waiting:
    """A study version that waits for its run."""

    study: StudyVersion
    priority: Priority
    opened_at: str


class StudyState:
    """Claims, manifests and findings; UIDs never leave it but for the Healthcare API."""

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket

    # Claims

    def find_claim(self, study_instance_uid: str, keys: KeyRing) -> Claimed | None:
        """Return the study's claim under any key of the ring."""
        for study_key in keys.study_keys(study_instance_uid):
            if claimed := self.read_claim(study_key):
                return claimed
        return None

    def read_claim(self, study_key: str) -> Claimed | None:
        stored = self.bucket.read_json(_claim(study_key), f"claim of {study_key}")
        return Claimed(claim_from_json(stored.value), stored.generation) if stored else None

    def claim(self, study_key: str) -> Claim:
        """Return the claim of a study that a run was started for.

        Raises
        ------
        PermanentError
            ``claim-missing``.
        """
        claimed = self.read_claim(study_key)
        if claimed is None:
            raise problem("claim-missing", f"there is no claim of {study_key}.")
        return claimed.claim

    def create_claim(self, claim: Claim) -> Claimed:
        """Create a claim, or return the one that another writer created first."""
        subject = f"claim of {claim.study_key}"
        stored = self.bucket.create_json(_claim(claim.study_key), claim.as_json(), subject)
        return Claimed(claim_from_json(stored.value), stored.generation)

    def replace_claim(self, claim: Claim, generation: int) -> None:
        """Replace a claim that nobody changed since it was read."""
        self.bucket.replace_json(
            _claim(claim.study_key), claim.as_json(), generation, f"claim of {claim.study_key}"
        )

    # Versions that wait for a run

    def enqueue(self, study: StudyVersion, priority: Priority, opened_at: str) -> None:
        """Remember that ``study`` waits for its run; doing so twice changes nothing."""
        name = _queued(study, priority, opened_at)
        self.bucket.create_json(name, {}, f"queue entry of {study}")

    def leave_queue(self, study: StudyVersion, priority: Priority, opened_at: str) -> None:
        """Forget that ``study`` waits: its run is there."""
        self.bucket.delete([(_queued(study, priority, opened_at), None)], f"queue entry of {study}")

    def waiting(self) -> list[Waiting]:
        """Return what waits, the most urgent and then the oldest first."""
        entries = []
        for item in self.bucket.list("queue/", "the queue"):
            _, rank, name = item.name.split("/")
            opened_at, _, run_id = name.removesuffix(".json").partition("_")
            entries.append(Waiting(parse_run_id(run_id), Priority(rank[1:]), opened_at))
        return entries

    # Headers already read

    def read_index(self, folder: str, keys: KeyRing) -> dict[tuple[str, int], Arrival]:
        """Return the arrivals of a folder whose headers were read under the newest key."""
        stored = self.bucket.read_json(_index(folder, keys), "header index")
        if stored is None or stored.value["key"] != keys.newest:
            return {}
        arrivals = [arrival_from_json(item) for item in stored.value["arrivals"]]
        return {(a.source.name, a.source.generation): a for a in arrivals}

    def write_index(self, folder: str, keys: KeyRing, arrivals: Iterable[Arrival]) -> None:
        """Keep the arrivals of a folder; a lost update only costs reading headers again."""
        value = {"key": keys.newest, "arrivals": [arrival_to_json(a) for a in arrivals]}
        self.bucket.replace_json(_index(folder, keys), value, None, "header index")

    # One version

    def seal(self, manifest: Manifest) -> Manifest:
        """Write the manifest, or return the one that was sealed before."""
        study = StudyVersion(manifest.study_key, manifest.version)
        stored = self.bucket.create_json(
            _version(study, "manifest"), manifest.as_json(), f"manifest of {study}"
        )
        return manifest_from_json(stored.value)

    def find_manifest(self, study: StudyVersion) -> Manifest | None:
        stored = self.bucket.read_json(_version(study, "manifest"), f"manifest of {study}")
        return manifest_from_json(stored.value) if stored else None

    def manifest(self, study: StudyVersion) -> Manifest:
        """Return the sealed manifest.

        Raises
        ------
        PermanentError
            ``manifest-missing``.
        """
        manifest = self.find_manifest(study)
        if manifest is None:
            raise problem("manifest-missing", f"{study} is not sealed.")
        return manifest

    def record_import(self, study: StudyVersion, refused: Iterable[str]) -> frozenset[str]:
        """Write the SOPInstanceUIDs that the store refused, or return those written before."""
        stored = self.bucket.create_json(
            _version(study, "import"), {"refused": sorted(refused)}, f"import of {study}"
        )
        return frozenset(stored.value["refused"])

    def find_import(self, study: StudyVersion) -> frozenset[str] | None:
        """Return what the store refused, or nothing while the import is not done."""
        stored = self.bucket.read_json(_version(study, "import"), f"import of {study}")
        return frozenset(stored.value["refused"]) if stored else None

    def is_alert_published(self, study: StudyVersion, alert_id: str) -> bool:
        name = _version(study, f"alerts/{alert_id}")
        return self.bucket.read_json(name, f"alert of {study}") is not None

    def record_alert(self, study: StudyVersion, alert_id: str, message_id: str) -> None:
        """Remember that an alert was published, so that clearing the task does not repeat it."""
        name = _version(study, f"alerts/{alert_id}")
        self.bucket.create_json(name, {"message_id": message_id}, f"alert of {study}")

    def begin_report(self, study: StudyVersion, begun: BegunReport) -> BegunReport:
        """Fix which report ``study`` writes, for good; from now on it supersedes earlier versions.

        Return what was fixed before, if it was.
        """
        stored = self.bucket.create_json(
            _version(study, "report"), begun.as_json(), f"report of {study}"
        )
        return begun_report_from_json(stored.value)

    def find_begun_report(self, study: StudyVersion) -> BegunReport | None:
        """Return which report ``study`` writes, or nothing while it has not begun."""
        stored = self.bucket.read_json(_version(study, "report"), f"report of {study}")
        return begun_report_from_json(stored.value) if stored else None

    def earlier_reports(self, study: StudyVersion) -> list[BegunReport]:
        """Return the reports that earlier versions have begun, newest first."""
        versions = reversed(self.claim(study.study_key).versions)
        begun = (
            self.find_begun_report(StudyVersion(study.study_key, earlier.version))
            for earlier in versions
            if earlier.version < study.version
        )
        return [report for report in begun if report]

    def is_superseded(self, study: StudyVersion) -> bool:
        """Tell whether a later version, which is about the whole study, has begun its report."""
        return any(
            later.version > study.version
            and self.find_begun_report(StudyVersion(study.study_key, later.version))
            for later in self.claim(study.study_key).versions
        )

    def find_summary(self, study: StudyVersion) -> dict[str, Any] | None:
        stored = self.bucket.read_json(_version(study, "summary"), f"summary of {study}")
        return dict(stored.value) if stored else None

    def write_summary(self, study: StudyVersion, summary: dict[str, Any]) -> None:
        name = _version(study, "summary")
        self.bucket.replace_json(name, summary, None, f"summary of {study}")

    # Findings

    def record_findings(
        self, study_key: str, findings_digest: str, findings: AnalysisFindings
    ) -> AnalysisFindings:
        """Write the findings of an analysis, or return those that were written first."""
        stored = self.bucket.create_json(
            _findings(study_key, findings_digest, findings.name),
            analysis_to_json(findings),
            f"findings of {study_key} {findings.name}",
        )
        return analysis_from_json(stored.value)

    def find_findings(
        self, study_key: str, findings_digest: str, name: AnalysisName
    ) -> AnalysisFindings | None:
        stored = self.bucket.read_json(
            _findings(study_key, findings_digest, name), f"findings of {study_key} {name}"
        )
        return analysis_from_json(stored.value) if stored else None


def _claim(study_key: str) -> str:
    return f"claims/{study_key}.json"


def _queued(study: StudyVersion, priority: Priority, opened_at: str) -> str:
    return f"queue/{priority.rank}{priority}/{opened_at}_{study.run_id}.json"


def _index(folder: str, keys: KeyRing) -> str:
    return f"index/{keys.token('folder:' + folder)}.json"


def _version(study: StudyVersion, record: str) -> str:
    return f"studies/{study.study_key}/v{study.version}/{record}.json"


def _findings(study_key: str, findings_digest: str, name: AnalysisName) -> str:
    return f"studies/{study_key}/findings/{findings_digest[:32]}/{name}.json"
