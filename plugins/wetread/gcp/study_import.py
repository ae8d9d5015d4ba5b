"""From sealed files to stored instances: seal, stage, import, and check what the store holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from wetread.core.arrivals import SourceObject
from wetread.core.claim import Claim
from wetread.core.errors import problem
from wetread.core.headers import Header
from wetread.core.identity import StudyVersion
from wetread.core.manifest import Manifest, judge_arrivals
from wetread.core.plan import make_plan
from wetread.core.routing.analysis import Analysis
from wetread.core.settings import Settings
from wetread.gcp.dicomweb import DicomWebClient
from wetread.gcp.healthcare import HealthcareClient, Operation
from wetread.gcp.incoming import IncomingBucket
from wetread.gcp.intake import Intake
from wetread.gcp.state import StudyState

_INDEX_LAG_SECONDS = (0.0, 1.0, 2.0, 4.0, 8.0)
"""Waits between looks at the store's index, which follows an import by some seconds."""


@dataclass(frozen=True)
class StudyImport:
    """Imports one study version; every step finds what an earlier try left and goes on from there.

    ``deployed`` says which model is deployed for each analysis; ``sleep`` waits for seconds.
    """

    study: StudyVersion
    intake: Intake
    healthcare: HealthcareClient
    dicom_store: str
    settings: Settings
    deployed: Callable[[Iterable[Analysis]], Mapping[str, str]]
    sleep: Callable[[float], None]

    def seal(self, claim: Claim, now: datetime) -> Manifest:
        """Decide for good what the version consists of.

        What an earlier version is still importing is part of it, too: the store does not hold it
        yet, and may never, and the version speaks for the whole study.
        """
        sealed = self._state.find_manifest(self.study)
        if sealed:
            return sealed
        before = self.intake.imported_sources(claim)
        arrivals = [
            arrival
            for arrival in self.intake.arrivals_of(claim.study_instance_uid, self._folders(claim))
            if (arrival.source.name, arrival.source.generation) not in before
        ]
        stored = self.intake.stored_headers(claim.study_instance_uid, str(self.study))
        manifest = Manifest(
            study_key=self.study.study_key,
            version=self.study.version,
            study_instance_uid=claim.study_instance_uid,
            sealed_at=now.isoformat(timespec="microseconds"),
            arrivals=judge_arrivals(arrivals, stored),
            stored=stored,
            analysis=self.settings.analysis,
        )
        analyses = make_plan(manifest).analyses.values()
        return self._state.seal(replace(manifest, models=self.deployed(analyses)))

    def _folders(self, claim: Claim) -> tuple[str, ...]:
        """Return the folders of the version, and of those before it that are not imported yet."""
        own = set(claim.version(self.study.version).folders)
        for earlier in claim.versions:
            study = StudyVersion(self.study.study_key, earlier.version)
            if earlier.version < self.study.version and self._state.find_import(study) is None:
                own.update(earlier.folders)
        return tuple(sorted(own))

    def start(self, manifest: Manifest) -> str | None:
        """Stage the accepted files and start their import; return the operation's name, if any.

        Nothing starts when there is nothing to import, or when an earlier try finished it.
        """
        if not manifest.accepted or self._state.find_import(self.study) is not None:
            return None
        uri = self._incoming.stage(self.study, [source for source, _ in manifest.accepted])
        return self.healthcare.import_dicom(self.dicom_store, uri, str(self.study))

    def poll(self, operation: str) -> Operation:
        """Return the operation's state."""
        return self.healthcare.operation(operation, str(self.study))

    def finish(self, manifest: Manifest, operation: Operation | None) -> frozenset[str]:
        """Record which instances the store refused, and remove the staged files.

        Raises
        ------
        RetriableError
            ``import-failed``: the operation imported nothing at all for a reason of its own;
            ``import-incomplete``: instances are missing that the operation counted as imported.
        """
        recorded = self._state.find_import(self.study)
        if recorded is None:
            refused = self._refused(manifest, operation) if operation else frozenset()
            recorded = self._state.record_import(self.study, refused)
        self._incoming.unstage(self.study)
        return recorded

    def _refused(self, manifest: Manifest, operation: Operation) -> frozenset[str]:
        if operation.error_code and not operation.success and not operation.failure:
            raise problem(
                "import-failed",
                f"the import of {self.study} ended with code {operation.error_code}.",
            )
        missing = self._missing(manifest, operation.failure)
        if len(missing) > operation.failure:
            raise problem(
                "import-incomplete",
                f"{len(missing)} of {len(manifest.accepted)} instances of {self.study} are not "
                f"stored, and the import counted {operation.failure} failures.",
            )
        if not operation.failure:
            return frozenset()
        doubtful = missing | {header.sop_instance_uid for header in manifest.stored}
        return frozenset(
            header.sop_instance_uid
            for source, header in manifest.accepted
            if header.sop_instance_uid in doubtful and self._is_refused(source, header)
        )

    def _missing(self, manifest: Manifest, failures: int) -> frozenset[str]:
        accepted = {header.sop_instance_uid for _, header in manifest.accepted}
        missing = frozenset(accepted)
        for seconds in _INDEX_LAG_SECONDS:
            self.sleep(seconds)
            held = self._dicomweb.instance_uids(manifest.study_instance_uid, str(self.study))
            missing = frozenset(accepted - held)
            if len(missing) <= failures:
                break
        return missing

    def _is_refused(self, source: SourceObject, header: Header) -> bool:
        """Offer one file to the store once more, and tell whether it refuses these bytes.

        The operation's counters say neither which file failed nor why: it may have been a file that
        nobody will ever take, or a fault that has passed. The index may also lag behind the store.
        """
        uid, blob = header.study_instance_uid, self._incoming.read(source, str(self.study))
        if self._dicomweb.offer_instance(uid, blob, str(self.study)):
            return False
        held = self._dicomweb.find_instance(
            uid, header.series_instance_uid, header.sop_instance_uid, str(self.study)
        )
        return held != blob

    @property
    def _state(self) -> StudyState:
        return self.intake.state

    @property
    def _incoming(self) -> IncomingBucket:
        return self.intake.incoming

    @property
    def _dicomweb(self) -> DicomWebClient:
        return self.intake.dicomweb
