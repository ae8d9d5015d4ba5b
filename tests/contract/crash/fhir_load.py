"""Resources created, updated and deleted, and transactions that are done whole or not at all."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from typing import Any

import requests
from tests.contract.conftest import RunningCloud
from tests.contract.crash.healthcare import create_store, url_of
from tests.contract.crash.ledger import ABSENT, Ledger
from tests.contract.crash.load import NOTES, TIMEOUT_SECONDS

STORE = "records"
_SYSTEM = "https://example.org/crash"
_HEADERS = {"Content-Type": "application/fhir+json;charset=utf-8"}
_ENTRIES = 5
_PATIENTS = 3
_PAGE = 1000


class FhirLoad:
    """A resource's ``valueString`` or family name is its state; a bundle's is how much exists."""

    name = "fhir"

    def __init__(self) -> None:
        self.resources = Ledger("resource")
        self.bundles = Ledger("transaction")
        self.created: set[str] = set()
        self._updates = Counter[str]()

    def prepare(self, cloud: RunningCloud) -> None:
        create_store(
            cloud,
            "fhirStores",
            STORE,
            version="R4",
            enableUpdateCreate=True,
            notificationConfigs=[{"pubsubTopic": NOTES}],
        )

    def work(self, cloud: RunningCloud, prefix: str, dice: random.Random) -> None:
        base = url_of(cloud, "fhirStores", STORE, "fhir")
        with requests.Session() as session:
            for number in itertools.count():
                name, state = f"{prefix}{number}", dice.randbytes(50).hex()
                with self.resources.writing({name: state}):
                    body = _observation(prefix, name, state)
                    created = _call(session, "POST", f"{base}/Observation", body)
                self.created.add(f"Observation/{created['id']}")
                self._update(session, base, f"p{number % _PATIENTS}", state)
                self._transact(session, base, prefix, f"{name}-bundle")
                if number % 2:
                    with self.resources.writing({name: ABSENT}):
                        _call(session, "DELETE", f"{base}/Observation/{created['id']}")

    def problems(self, cloud: RunningCloud, prefix: str) -> list[str]:
        base = url_of(cloud, "fhirStores", STORE, "fhir")
        single: dict[str, str] = {}
        parts = Counter[str]()
        for resource in _search(base, "Observation", prefix):
            name = resource["identifier"][0]["value"]
            if "-bundle" in name:
                parts[name.rpartition("/")[0]] += 1
            else:
                single[name] = resource["valueString"]
        lines = self.bundles.problems({name: str(n) for name, n in parts.items()}, prefix)
        for number in range(_PATIENTS) if not prefix else ():
            single |= self._patient(base, f"p{number}", lines)
        lines += self.resources.problems(
            {name: state for name, state in single.items() if name.startswith(prefix)}, prefix
        )
        return lines

    def summary(self) -> dict[str, int]:
        both = Counter(self.resources.counts())
        both.update(self.bundles.counts())
        return both

    def _update(self, session: requests.Session, base: str, patient: str, state: str) -> None:
        body = {"resourceType": "Patient", "id": patient, "name": [{"family": state}]}
        with self.resources.writing({patient: state}):
            _call(session, "PUT", f"{base}/Patient/{patient}", body)
        self._updates[patient] += 1

    def _transact(self, session: requests.Session, base: str, prefix: str, name: str) -> None:
        entries = [
            {
                "resource": _observation(prefix, f"{name}/{part}", "in a bundle"),
                "request": {"method": "POST", "url": "Observation"},
            }
            for part in range(_ENTRIES)
        ]
        body = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        with self.bundles.writing({name: str(_ENTRIES)}):
            _call(session, "POST", base, body)

    def _patient(self, base: str, name: str, lines: list[str]) -> dict[str, str]:
        answer = requests.get(f"{base}/Patient/{name}/_history", timeout=TIMEOUT_SECONDS)
        if answer.status_code == 404:
            return {}
        total = answer.json()["total"]
        if total < self._updates[name]:
            lines.append(f"Patient/{name} has {total} versions of {self._updates[name]} made")
        latest = answer.json()["entry"][0]["resource"]
        return {name: latest["name"][0]["family"]}


def _observation(prefix: str, name: str, value: str) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "status": "final",
        "identifier": [{"system": _SYSTEM, "value": name}],
        "code": {"coding": [{"system": _SYSTEM, "code": prefix}]},
        "valueString": value,
    }


def _call(session: requests.Session, verb: str, url: str, body: Any = None) -> dict[str, Any]:
    answer = session.request(verb, url, json=body, headers=_HEADERS, timeout=TIMEOUT_SECONDS)
    answer.raise_for_status()
    content: dict[str, Any] = answer.json()
    return content


def _search(base: str, resource_type: str, code: str) -> list[dict[str, Any]]:
    """Return all matches of all pages."""
    query = {"_count": str(_PAGE)} | ({"code": f"{_SYSTEM}|{code}"} if code else {})
    answer = requests.get(f"{base}/{resource_type}", params=query, timeout=TIMEOUT_SECONDS)
    found: list[dict[str, Any]] = []
    while True:
        answer.raise_for_status()
        page = answer.json()
        found += [entry["resource"] for entry in page.get("entry", [])]
        links = {link["relation"]: link["url"] for link in page.get("link", [])}
        if "next" not in links:
            return found
        answer = requests.get(links["next"], timeout=TIMEOUT_SECONDS)
