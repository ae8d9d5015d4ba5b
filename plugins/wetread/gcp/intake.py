"""Intake: from files in a bucket to claimed studies that wait for a run.

Every step can be repeated. A version is queued before it is claimed, and both before anything is
acknowledged: after a crash at any point the next round finds the same files and finishes the work.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from wetread.core.arrivals import (
    Arrival,
    SourceObject,
    group_by_study,
    is_complete,
)
from wetread.core.claim import Cause, Claim, Priority
from wetread.core.errors import WetreadError
from wetread.core.headers import Header, Refusal, header_from_dicomweb
from wetread.core.identity import KeyRing, StudyVersion
from wetread.core.pixels.policy import is_own_result
from wetread.gcp.dicomweb import DicomWebClient
from wetread.gcp.incoming import IncomingBucket
from wetread.gcp.pubsub import Message
from wetread.gcp.state import Claimed, StudyState

_INSTANCE_PATH = re.compile(rb"/studies/([0-9.]+)/series/[0-9.]+/instances/([0-9.]+)\Z")


@dataclass(frozen=True)
class IntakeCounts:
    """What one round of intake did; ``failures`` are of studies that the next round tries again."""

    objects: int
    opened_versions: int
    rejected_objects: int
    failures: tuple[WetreadError, ...] = ()


@dataclass(frozen=True)
class StoredCounts:
    """What came of the store's messages; those in ``unanswered`` must be delivered again."""

    opened_versions: int
    unanswered: frozenset[str]
    failures: tuple[WetreadError, ...] = ()


@dataclass(frozen=True)
class Intake:
    """Claims the studies that lie in ``incoming/`` or reached the DICOM store by another way."""

    incoming: IncomingBucket
    state: StudyState
    dicomweb: DicomWebClient
    keys: KeyRing
    quiet: timedelta

    def claim_arrived(self, now: datetime) -> IntakeCounts:
        """Claim every study in ``incoming/``; set aside folders that hold none."""
        objects = self.incoming.objects()
        groups = group_by_study(self._arrivals(objects))
        orphans = groups.pop(None, [])
        opened, failures = 0, []
        for study, members in groups.items():
            try:
                opened += self._claim_arrivals(str(study), members, now)
            except WetreadError as error:
                failures.append(_of_one_study(error))
        rejected = self._reject(orphans, objects, now)
        return IntakeCounts(len(objects), opened, rejected, tuple(failures))

    def claim_stored(self, messages: Iterable[Message], now: datetime) -> StoredCounts:
        """Claim the studies of new instances that the DICOM store told of.

        The data of a notification is the instance's path, in each of the service's message forms.
        """
        instances: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        for message in messages:
            match = _INSTANCE_PATH.search(message.data)
            if match and message.attributes.get("action", "StoreInstances") in _STORED:
                instances[match[1].decode()][match[2].decode()].add(message.ack_id)
        opened, unanswered, failures = 0, set[str](), []
        for study, ack_ids in instances.items():
            unseen = set(ack_ids)
            try:
                is_opened, unseen = self._claim_instances(study, set(ack_ids), now)
                opened += is_opened
            except WetreadError as error:
                failures.append(_of_one_study(error))
            unanswered |= {ack_id for uid in unseen for ack_id in ack_ids[uid]}
        return StoredCounts(opened, frozenset(unanswered), tuple(failures))

    def request(
        self,
        study_instance_uid: str,
        folders: Iterable[str],
        priority: Priority,
        now: datetime,
        *,
        request: str,
    ) -> StudyVersion:
        """Open a version because a person asked; one that still waits is taken over.

        ``request`` names the request: reading it again, at any time, returns the same version.
        """
        token = self.keys.token(f"request:{request}")
        claimed = self.state.find_claim(study_instance_uid, self.keys)
        if claimed and (answer := claimed.claim.answer_to(token)):
            return StudyVersion(claimed.claim.study_key, answer.version)
        if claimed and not self._is_sealed(claimed.claim):
            taken_over = claimed.claim.with_folders(folders).answering(token).hastened(priority)
            return self._take_over(claimed, taken_over)
        claim = claimed.claim if claimed else self._new_claim(study_instance_uid)
        opened = claim.open(Cause.REQUESTED, priority, _text(now), folders, requests=(token,))
        return self._open(opened, claimed)

    def studies_below(self, folder: str) -> dict[str, list[Arrival]]:
        """Return the studies in one folder of ``incoming/``."""
        groups = group_by_study(self._arrivals(self.incoming.objects(folder)))
        return {study: members for study, members in groups.items() if study}

    def folders_of(self, study_instance_uid: str) -> set[str]:
        """Return the folders of ``incoming/`` in which files of the study lie."""
        groups = group_by_study(self._arrivals(self.incoming.objects()))
        return {arrival.source.folder for arrival in groups.get(study_instance_uid, [])}

    def stored_headers(self, study_instance_uid: str, subject: str) -> tuple[Header, ...]:
        """Return the headers of what the DICOM store holds of a study, our own results aside."""
        headers = self._all_stored(study_instance_uid, subject)
        return tuple(header for header in headers if not is_own_result(header))

    def _all_stored(self, study_instance_uid: str, subject: str) -> list[Header]:
        metadata = self.dicomweb.study_metadata(study_instance_uid, subject)
        return [header_from_dicomweb(item, self.keys.token) for item in metadata]

    def arrivals_of(self, study_instance_uid: str, folders: Iterable[str]) -> list[Arrival]:
        """Return the files of one study in ``folders``, but for those that were sealed before."""
        objects = [item for folder in folders for item in self.incoming.objects(folder)]
        return group_by_study(self._arrivals(objects)).get(study_instance_uid, [])

    def sealed_sources(self, claim: Claim) -> set[tuple[str, int]]:
        """Return the objects that some version of the study consists of already."""
        return self._sources(StudyVersion(claim.study_key, v.version) for v in claim.versions)

    def imported_sources(self, claim: Claim) -> set[tuple[str, int]]:
        """Return the objects that the import of some version of the study is done with."""
        versions = (StudyVersion(claim.study_key, v.version) for v in claim.versions)
        return self._sources(v for v in versions if self.state.find_import(v) is not None)

    def _sources(self, versions: Iterable[StudyVersion]) -> set[tuple[str, int]]:
        manifests = (self.state.find_manifest(study) for study in versions)
        return {
            (arrival.source.name, arrival.source.generation)
            for manifest in manifests
            if manifest
            for arrival in manifest.arrivals
        }

    def _arrivals(self, objects: Sequence[SourceObject]) -> list[Arrival]:
        by_folder: dict[str, list[SourceObject]] = defaultdict(list)
        for item in objects:
            by_folder[item.folder].append(item)
        arrivals = []
        for folder, members in by_folder.items():
            index = self.state.read_index(folder, self.keys)
            read = self.incoming.arrivals(members, index, self.keys.token)
            if {(a.source.name, a.source.generation) for a in read} != index.keys():
                self.state.write_index(folder, self.keys, read)
            arrivals += read
        return arrivals

    def _claim_arrivals(self, study: str, members: Sequence[Arrival], now: datetime) -> bool:
        folders = {arrival.source.folder for arrival in members}
        claimed = self.state.find_claim(study, self.keys)
        if claimed is None:
            claim = self._new_claim(study)
            self._open(claim.open(Cause.ARRIVED, Priority.ROUTINE, _text(now), folders), None)
            return True
        if not self._is_sealed(claimed.claim):
            self._add_folders(claimed, folders)
            return False
        sealed = self.sealed_sources(claimed.claim)
        late = [a for a in members if (a.source.name, a.source.generation) not in sealed]
        if late:
            folders = {arrival.source.folder for arrival in late}
            claim = claimed.claim.open(Cause.LATE, Priority.ROUTINE, _text(now), folders)
            self._open(claim, claimed)
        return bool(late)

    def _claim_instances(self, study: str, uids: set[str], now: datetime) -> tuple[bool, set[str]]:
        """Return whether a version was opened, and the instances that the store does not list yet.

        Their index follows later, or the store is not readable just now: it answers 403 for both.
        """
        claimed = self.state.find_claim(study, self.keys)
        stamp = _text(now)
        known = self._known_instances(claimed.claim) if claimed else set()
        if uids <= known:
            return False, set()
        if claimed and not self._is_sealed(claimed.claim):
            self.state.replace_claim(claimed.claim.touched(stamp), claimed.generation)
            return False, set()
        subject = claimed.claim.study_key if claimed else "a stored study"
        stored = self._all_stored(study, subject)
        unseen = uids - known - {header.sop_instance_uid for header in stored}
        if {h.sop_instance_uid for h in stored if not is_own_result(h)} <= known:
            return False, unseen
        cause = Cause.LATE if claimed else Cause.ARRIVED
        claim = claimed.claim if claimed else self._new_claim(study)
        self._open(claim.open(cause, Priority.ROUTINE, stamp, stored_at=stamp), claimed)
        return True, unseen

    def _known_instances(self, claim: Claim) -> set[str]:
        """Return the instances of the version that was sealed last."""
        for version in reversed(claim.versions):
            manifest = self.state.find_manifest(StudyVersion(claim.study_key, version.version))
            if manifest:
                return {header.sop_instance_uid for header in manifest.instances}
        return set()

    def _new_claim(self, study_instance_uid: str) -> Claim:
        return Claim(self.keys.study_keys(study_instance_uid)[0], study_instance_uid)

    def _is_sealed(self, claim: Claim) -> bool:
        return self.state.find_manifest(_latest(claim)) is not None

    def _add_folders(self, claimed: Claimed, folders: Iterable[str]) -> None:
        latest = claimed.claim.latest
        if latest and not set(folders) <= set(latest.folders):
            self.state.replace_claim(claimed.claim.with_folders(folders), claimed.generation)

    def _take_over(self, claimed: Claimed, taken_over: Claim) -> StudyVersion:
        """Replace a claim whose latest version waits; a more urgent one moves up in the queue."""
        study = _latest(taken_over)
        before, after = claimed.claim.versions[-1], taken_over.versions[-1]
        self.state.enqueue(study, after.priority, after.opened_at)
        self.state.replace_claim(taken_over, claimed.generation)
        if after.priority is not before.priority:
            self.state.leave_queue(study, before.priority, before.opened_at)
        return study

    def _open(self, claim: Claim, previous: Claimed | None) -> StudyVersion:
        opened, study = claim.versions[-1], _latest(claim)
        self.state.enqueue(study, opened.priority, opened.opened_at)
        if previous is None:
            self.state.create_claim(claim)
        else:
            self.state.replace_claim(claim, previous.generation)
        return study

    def _reject(
        self, orphans: Sequence[Arrival], objects: Sequence[SourceObject], now: datetime
    ) -> int:
        """Set aside the files of folders that hold no study, once nothing more is to come."""
        rejected = [
            (arrival.source, arrival.content.reason)
            for arrival in orphans
            if isinstance(arrival.content, Refusal)
            and is_complete(objects, [arrival.source.folder], now, self.quiet)
        ]
        self.incoming.quarantine(rejected, "files without a study")
        self.incoming.remove_markers({source.folder for source, _ in rejected})
        return len(rejected)


_STORED = frozenset({"StoreInstances", "ImportDicomData"})


def _of_one_study(error: WetreadError) -> WetreadError:
    """Return an error that concerns one study only; raise one that the next would meet as well."""
    if error.code == "service-unavailable":
        raise error
    return error


def _latest(claim: Claim) -> StudyVersion:
    return StudyVersion(claim.study_key, claim.versions[-1].version)


def _text(now: datetime) -> str:
    return now.isoformat(timespec="microseconds")
