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
    """

    report_id: str
    basis: Basis

    def as_json(self) -> dict[str, Any]:
        return {
            "report_id": self.report_id,
            "settings_digest": self.basis.settings_digest,
            "analyses": dict(self.basis.analyses),
        }


def begun_report_from_json(stored: Mapping[str, Any]) -> BegunReport:
    """Read a begun report back."""
    return BegunReport(stored["report_id"], Basis(stored["settings_digest"], stored["analyses"]))


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
    other_models = {e.report_id for e in earlier if basis.contradicts(e.basis)}
    for begun in earlier:
        if basis.continues(begun.basis) and begun.report_id not in other_models:
            return BegunReport(begun.report_id, basis)
    opened = [study_instance_uid, basis.settings_digest, dict(basis.analyses)]
    return BegunReport(digest(opened)[:_DIGEST_LENGTH], basis)


def predecessor_id(begun: BegunReport, earlier: Sequence[BegunReport]) -> str | None:
    """Return the id of the report that this one follows: the last other one before it.

    Versions of the same report are passed over, so that late images do not make it forget whom it
    followed.
    """
    return next((e.report_id for e in earlier if e.report_id != begun.report_id), None)
