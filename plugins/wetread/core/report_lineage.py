"""Which of a study's reports a version writes: late images go on with it, a new model opens one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from wetread.core.canonical import digest

_DIGEST_LENGTH: Final = 32
"""128 bits: enough that no two reports ever share an id."""


@dataclass(frozen=True)
class Basis:
    """What a version's report rests on besides the images.

    ``settings_digest`` is that of the settings that concern every analysis; ``analyses`` are the
    live ones that the version uses, by id, each with the digest of its row and deployed model.
    """

    settings_digest: str
    analyses: Mapping[str, str]

    def continues(self, earlier: Basis) -> bool:
        """Whether all that the earlier report rests on still holds; more may have come to it.

        A late series may be of another modality, and so bring another analysis.
        """
        return (
            self.settings_digest == earlier.settings_digest
            and earlier.analyses.items() <= self.analyses.items()
        )

    def contradicts(self, other: Basis) -> bool:
        """Whether the two have another row or model for the same analysis."""
        shared = self.analyses.keys() & other.analyses.keys()
        return any(self.analyses[name] != other.analyses[name] for name in shared)


@dataclass(frozen=True)
class BegunReport:
    """The report that a version has begun to write.

    ``report_id`` names the lineage: all versions that write the same report have the same one.
    ``predecessor_ids`` are those of the study's other reports that were begun before, the newest
    first: it follows the first of them that was written.
    """

    report_id: str
    basis: Basis
    predecessor_ids: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "report_id": self.report_id,
            "predecessor_ids": list(self.predecessor_ids),
            "settings_digest": self.basis.settings_digest,
            "analyses": dict(self.basis.analyses),
        }


def begun_report_from_json(stored: Mapping[str, Any]) -> BegunReport:
    """Read a begun report back."""
    basis = Basis(stored["settings_digest"], stored["analyses"])
    return BegunReport(stored["report_id"], basis, tuple(stored["predecessor_ids"]))


def begin_report(
    study_instance_uid: str, basis: Basis, earlier: Sequence[BegunReport]
) -> BegunReport:
    """Return the report of a version that rests on ``basis``.

    It goes on with the report of the newest earlier version whose basis still holds, unless another
    version of that report had another model; so going back to an earlier model resumes its report.
    Where there is none, it opens one.

    Parameters
    ----------
    earlier
        The reports that earlier versions of the study have begun, newest first.
    """
    report_id = _report_id(study_instance_uid, basis, earlier)
    # Versions of the same report are passed over: late images do not change whom it follows.
    others = dict.fromkeys(e.report_id for e in earlier if e.report_id != report_id)
    return BegunReport(report_id, basis, tuple(others))


def _report_id(study_instance_uid: str, basis: Basis, earlier: Sequence[BegunReport]) -> str:
    other_models = {e.report_id for e in earlier if basis.contradicts(e.basis)}
    for begun in earlier:
        if basis.continues(begun.basis) and begun.report_id not in other_models:
            return begun.report_id
    opened = [study_instance_uid, basis.settings_digest, dict(basis.analyses)]
    return digest(opened)[:_DIGEST_LENGTH]
