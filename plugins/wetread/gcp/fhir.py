"""A Cloud Healthcare FHIR R4 store: identifier searches and transactions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wetread.core.canonical import canonical_json
from wetread.core.errors import problem
from wetread.gcp.http import HttpApi, json_body

_FHIR_JSON = "application/fhir+json;charset=utf-8"


class FhirClient:
    """One FHIR store; ``subject`` names what a call is about in errors."""

    def __init__(self, api: HttpApi, fhir_store: str) -> None:
        self._api = api
        self._base = f"{fhir_store}/fhir"

    def find(self, resource_type: str, criterion: str, subject: str) -> dict[str, Any] | None:
        """Return the one resource that carries an identifier, or nothing.

        Searches by identifier alone read what was just written; the service indexes all other
        parameters later (Cloud Healthcare API, "FHIR search", consistency).

        Parameters
        ----------
        criterion
            ``system|value``, escaped for a search.

        Raises
        ------
        PermanentError
            ``identifier-ambiguous``: several resources carry the identifier.
        """
        call = "healthcare.fhirStores.fhir.search"
        response = self._api.send(
            "GET",
            f"{self._base}/{resource_type}",
            params={"identifier": criterion, "_count": "2"},
            headers={"Prefer": "handling=strict", "Accept": _FHIR_JSON},
            call=call,
            subject=subject,
        )
        entries = json_body(response, call, subject).get("entry", [])
        if len(entries) > 1:
            raise problem(
                "identifier-ambiguous",
                f"{resource_type} resources share the identifier of {subject}.",
            )
        return entries[0]["resource"] if entries else None

    def read_all(self, references: Sequence[str], subject: str) -> list[dict[str, Any]]:
        """Return the resources behind literal references, in their order, without the missing ones.

        One batch of reads: a search would come later than the writing of what it looks for.

        Parameters
        ----------
        references
            ``<type>/<id>``; at most 4,500 (Healthcare API, "Quotas and limits").
        """
        if not references:
            return []
        reads = [{"request": {"method": "GET", "url": reference}} for reference in references]
        answer = self.execute({"resourceType": "Bundle", "type": "batch", "entry": reads}, subject)
        return [
            entry["resource"]
            for entry in answer.get("entry", [])
            if str(entry.get("response", {}).get("status", "")).startswith("200")
        ]

    def execute(self, bundle: dict[str, Any], subject: str) -> dict[str, Any]:
        """Execute a bundle; of a transaction all is stored, or nothing.

        Raises
        ------
        RetriableError
            ``precondition-failed``: a resource changed after it was read.
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
        )
        return dict(json_body(response, call, subject))
