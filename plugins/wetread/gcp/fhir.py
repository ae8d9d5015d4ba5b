"""A Cloud Healthcare FHIR R4 store: identifier searches, conditional creates, transactions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from wetread.core.canonical import canonical_json
from wetread.core.errors import problem
from wetread.gcp.http import HttpApi, json_body
from wetread.gcp.retries import failure

_FHIR_JSON = "application/fhir+json;charset=utf-8"
_PAGE = "1000"
"""The most resources on a page (Cloud Healthcare API, "FHIR search", ``_count``)."""


_CRITERIA_PER_SEARCH = 25
"""Each takes about 100 characters of a URL."""

_ABSENT = frozenset({404, 410})
"""Statuses of a resource that was never there, or was deleted (FHIR R4, "RESTful API", read)."""


class FhirClient:
    """One FHIR store; ``subject`` names what a call is about in errors."""

    def __init__(self, api: HttpApi, fhir_store: str) -> None:
        self._api = api
        self._base = f"{fhir_store}/fhir"

    def find(self, resource_type: str, criterion: str, subject: str) -> dict[str, Any] | None:
        """Return the one resource that carries an identifier, or nothing.

        Parameters
        ----------
        criterion
            ``system|value``, escaped for a search.

        Raises
        ------
        PermanentError
            ``identifier-ambiguous``: several resources carry the identifier.
        """
        found, _ = self._search(resource_type, {"identifier": criterion, "_count": "2"}, subject)
        if len(found) > 1:
            raise problem(
                "identifier-ambiguous",
                f"{resource_type} resources share the identifier of {subject}.",
            )
        return found[0] if found else None

    def find_any(
        self, resource_type: str, criteria: Sequence[str], subject: str
    ) -> list[dict[str, Any]]:
        """Return all resources that carry any of some identifiers.

        Parameters
        ----------
        criteria
            ``system|value`` each, escaped for a search, in which a comma means "or".
        """
        resources = []
        for start in range(0, len(criteria), _CRITERIA_PER_SEARCH):
            some = ",".join(criteria[start : start + _CRITERIA_PER_SEARCH])
            resources += self.find_all(resource_type, some, subject)
        return resources

    def find_all(self, resource_type: str, criterion: str, subject: str) -> list[dict[str, Any]]:
        """Return all resources that carry an identifier.

        Parameters
        ----------
        criterion
            ``system|value``, escaped for a search.
        """
        asked: dict[str, str] | None = {"identifier": criterion, "_count": _PAGE}
        resources = []
        while asked:
            found, asked = self._search(resource_type, asked, subject)
            resources += found
        return resources

    def ensure(
        self, resource_type: str, criterion: str, resource: Mapping[str, Any], subject: str
    ) -> dict[str, Any]:
        """Return the one resource that carries an identifier; create it where there is none.

        It is created on the condition that there still is none (FHIR R4, "Conditional create"), so
        that workers that meet here make one.

        Raises
        ------
        PermanentError
            ``identifier-ambiguous``: several resources carry the identifier.
        """
        found = self.find(resource_type, criterion, subject)
        if found:
            return found
        call = "healthcare.fhirStores.fhir.create"
        response = self._api.send(
            "POST",
            f"{self._base}/{resource_type}",
            headers={
                "Content-Type": _FHIR_JSON,
                "Accept": _FHIR_JSON,
                "If-None-Exist": f"identifier={quote(criterion, safe=':/')}",
            },
            data=canonical_json(resource),
            call=call,
            subject=subject,
            accept_status=(200, 201),
        )
        return dict(json_body(response, call, subject))

    def _search(
        self, resource_type: str, asked: Mapping[str, str], subject: str
    ) -> tuple[list[dict[str, Any]], dict[str, str] | None]:
        """Return a page of a search by identifier, and what to ask for the next one.

        Searches by identifier alone read what was just written; the service indexes all other
        parameters later (Cloud Healthcare API, "FHIR search", consistency).
        """
        call = "healthcare.fhirStores.fhir.search"
        response = self._api.send(
            "GET",
            f"{self._base}/{resource_type}",
            params=asked,
            headers={"Prefer": "handling=strict", "Accept": _FHIR_JSON},
            call=call,
            subject=subject,
        )
        page = json_body(response, call, subject)
        links = {link["relation"]: link["url"] for link in page.get("link", [])}
        following = dict(parse_qsl(urlsplit(links["next"]).query)) if "next" in links else None
        return [entry["resource"] for entry in page.get("entry", [])], following

    def read_all(self, references: Sequence[str], subject: str) -> list[dict[str, Any]]:
        """Return the resources behind literal references, in their order, without those deleted.

        One batch of reads: a search would come later than the writing of what it looks for.

        Parameters
        ----------
        references
            ``<type>/<id>``; at most 4,500 (Healthcare API, "Quotas and limits").

        Raises
        ------
        RetriableError, PermanentError
            The store did not answer one of the reads, though it answered the batch.
        """
        if not references:
            return []
        reads = [{"request": {"method": "GET", "url": reference}} for reference in references]
        answer = self.execute({"resourceType": "Bundle", "type": "batch", "entry": reads}, subject)
        resources = []
        for entry in answer.get("entry", []):
            status = int(str(entry.get("response", {}).get("status", ""))[:3] or 500)
            if status == 200:
                resources.append(entry["resource"])
            elif status not in _ABSENT:
                raise failure(status, "healthcare.fhirStores.fhir.read", subject)
        return resources

    def execute(self, bundle: dict[str, Any], subject: str) -> dict[str, Any]:
        """Execute a bundle; of a transaction all is stored, or nothing.

        Raises
        ------
        RetriableError
            ``precondition-failed``: a resource changed after it was read, or the transaction was
            aborted in favour of another one (409, the HTTP status of ABORTED in Google's APIs).
        PermanentError
            ``request-rejected`` when the store finds the bundle invalid.
        """
        call = "healthcare.fhirStores.fhir.executeBundle"
        response = self._api.send(
            "POST",
            self._base,
            headers={"Content-Type": _FHIR_JSON, "Accept": _FHIR_JSON},
            data=canonical_json(bundle),
            call=call,
            subject=subject,
            accept_status=(200, 409),
        )
        if response.status_code == 409:
            raise problem("precondition-failed", f"{call} answered 409 for {subject}.")
        return dict(json_body(response, call, subject))
