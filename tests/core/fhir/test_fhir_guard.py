"""A person's decision is never overwritten."""

from __future__ import annotations

from typing import Any

import pytest
from tests.core.fhir.cases import transactions

from wetread.core.errors import PermanentError
from wetread.core.fhir.guard import guard_transaction, may_overwrite


def report(status: str | None) -> dict[str, Any]:
    return {"resourceType": "DiagnosticReport", "status": status, "meta": {"versionId": "7"}}


@pytest.mark.parametrize("status", ["registered", "partial", "preliminary"])
def test_an_open_report_may_be_replaced(status: str) -> None:
    assert may_overwrite(report(status))


@pytest.mark.parametrize(
    "status",
    ["final", "amended", "corrected", "appended", "cancelled", "entered-in-error", "unknown", None],
)
def test_a_decided_report_is_closed(status: str | None) -> None:
    assert not may_overwrite(report(status))
    with pytest.raises(PermanentError, match=r"\[report-closed\]"):
        guard_transaction(transactions()["candidates"], report(status))


def test_a_new_report_needs_no_condition() -> None:
    bundle = transactions()["candidates"]
    assert may_overwrite(None)
    assert guard_transaction(bundle, None) == bundle


def test_the_write_is_bound_to_the_version_that_was_read() -> None:
    bundle = transactions()["candidates"]
    guarded = guard_transaction(bundle, report("preliminary"))
    conditions = {
        entry["resource"]["resourceType"]: entry["request"].get("ifMatch")
        for entry in guarded["entry"]
    }
    assert conditions == {"ImagingStudy": None, "Observation": None, "DiagnosticReport": 'W/"7"'}
    assert bundle == transactions()["candidates"], "the caller's bundle is left alone"
