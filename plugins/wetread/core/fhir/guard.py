"""What a person has decided stays: Wetread only replaces its own preliminary report."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any, Final

from wetread.core.errors import problem
from wetread.core.fhir.elements import Resource

OPEN_STATUSES: Final = frozenset({"registered", "partial", "preliminary"})
"""Report statuses before a person's decision (FHIR R4, value set diagnostic-report-status).

All others - final, amended, corrected, appended, but also cancelled and entered-in-error, by which
a radiologist rejects - are decisions, or unknown, and closed.
"""


def may_overwrite(existing_report: Mapping[str, Any] | None) -> bool:
    """Tell whether the report in the store (None: there is none) may be replaced."""
    return existing_report is None or existing_report.get("status") in OPEN_STATUSES


def guard_transaction(
    bundle: Mapping[str, Any], existing_report: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return the transaction bound to the version of the report that was read.

    With ``ifMatch`` the store refuses the whole transaction if a radiologist signs the report
    between the reading and the writing.

    Raises
    ------
    PermanentError
        ``report-closed``: the report may not be overwritten.
    """
    if not may_overwrite(existing_report):
        raise problem("report-closed", "the report of this study is no longer preliminary.")
    guarded: dict[str, Any] = deepcopy(dict(bundle))
    version = (existing_report or {}).get("meta", {}).get("versionId")
    if version:
        for entry in guarded["entry"]:
            if _is_report(entry):
                entry["request"]["ifMatch"] = f'W/"{version}"'
    return guarded


def _is_report(entry: Resource) -> bool:
    return bool(entry["resource"]["resourceType"] == "DiagnosticReport")
