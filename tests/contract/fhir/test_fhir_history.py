"""The history of a resource: pages, and versions of a time."""

from __future__ import annotations

import pytest
from tests.contract.fhir.fhir_client import FHIR_METHODS, FhirClient, patient


@pytest.mark.rule("fhir.history.pages", f"{FHIR_METHODS}/history")
def test_history_pages_stay_put_while_versions_are_added(fhir: FhirClient) -> None:
    made = fhir.create(patient()).body
    for _ in range(4):
        made = fhir.update({**made, "active": True}).body
    page = fhir.history(f"Patient/{made['id']}", x_count=2).body
    seen = [item["response"]["etag"] for item in page["entry"]]
    while following := [link["url"] for link in page["link"] if link["relation"] == "next"]:
        fhir.update({**made, "active": False})
        page = fhir.get(following[0]).body
        seen += [item["response"]["etag"] for item in page["entry"]]
    assert len(seen) == len(set(seen)) == 5


@pytest.mark.rule("fhir.history.since-and-at", f"{FHIR_METHODS}/history")
def test_history_can_be_of_a_time(fhir: FhirClient) -> None:
    versions = [fhir.create(patient()).body]
    for active in (True, False):
        versions.append(fhir.update({**versions[-1], "active": active}).body)
    reference = f"Patient/{versions[0]['id']}"
    ids = [item["meta"]["versionId"] for item in versions]

    def listed(**parameters: str) -> list[str]:
        found = fhir.history(reference, **parameters).resources
        return [item["meta"]["versionId"] for item in found]

    times = [item["meta"]["lastUpdated"] for item in versions]
    assert listed(x_since=times[1]) == [ids[2], ids[1]]
    # Current at some time during that microsecond: the one it began with and the one made in it.
    assert listed(x_at=times[1])[-1] in ids[:2]
    assert listed(x_at="2001") == []
    assert fhir.history(reference, x_since="yesterday").status == 400
