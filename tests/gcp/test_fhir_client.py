"""The FHIR store's answers that are easily taken for others."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests

from wetread.core.errors import RetriableError
from wetread.gcp.fhir import FhirClient
from wetread.gcp.http import HttpApi


class Answering:
    """A session that gives one answer to everything, and keeps what it was asked."""

    def __init__(self, answer: dict[str, Any], status: int = 200) -> None:
        self._answer, self._status = answer, status
        self.asked: list[dict[str, Any]] = []

    def request(self, method: str, url: str, **options: Any) -> requests.Response:
        self.asked.append(options)
        response = requests.Response()
        response.status_code, response._content = self._status, json.dumps(self._answer).encode()
        return response


def read(*statuses: str) -> list[dict[str, Any]]:
    """Read as many resources as there are statuses, each of which is answered with one."""
    entries = [
        {"response": {"status": status}, **({"resource": {"id": "x"}} if "200" in status else {})}
        for status in statuses
    ]
    session = Answering({"resourceType": "Bundle", "type": "batch-response", "entry": entries})
    client = FhirClient(HttpApi(session, "https://service.test"), "store")
    return client.read_all([f"Observation/{n}" for n in range(len(statuses))], "the results")


def test_deleted_resources_are_left_out() -> None:
    assert read("404 Not Found", "200 OK", "410 Gone") == [{"id": "x"}]


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable", ""])
def test_a_resource_that_the_batch_did_not_get_to_read_is_not_taken_for_deleted(
    status: str,
) -> None:
    """A person's decision would be overwritten that was only not read."""
    with pytest.raises(RetriableError, match="service-unavailable"):
        read("200 OK", status)


def test_many_identifiers_are_looked_for_in_searches_of_a_short_url() -> None:
    session = Answering({"resourceType": "Bundle", "type": "searchset"})
    client = FhirClient(HttpApi(session, "https://service.test"), "store")
    criteria = [f"urn:test|{n}" for n in range(60)]
    assert client.find_any("Observation", criteria, "the results") == []
    searches = [asked["params"]["identifier"].split(",") for asked in session.asked]
    assert [one for search in searches for one in search] == criteria
    assert max(map(len, searches)) == 25


def test_a_transaction_that_gave_way_to_another_one_is_tried_again() -> None:
    session = Answering({"resourceType": "OperationOutcome"}, status=409)
    client = FhirClient(HttpApi(session, "https://service.test"), "store")
    with pytest.raises(RetriableError, match="precondition-failed"):
        client.execute({"resourceType": "Bundle", "type": "transaction", "entry": []}, "the report")
