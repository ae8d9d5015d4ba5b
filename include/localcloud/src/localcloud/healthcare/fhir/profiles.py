"""Does a resource conform to a profile? The rules of a StructureDefinition that Google enforces.

min and max, minValue and maxValue, maxLength, the types of a choice, fixed[x], and pattern[x] on
simple types. Slices and FHIRPath constraints are not evaluated here.
Source: ValidationConfig of the FhirStore schema in healthcare.v1
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from localcloud.healthcare.fhir.definitions import Json
from localcloud.healthcare.fhir.outcomes import FhirError, invalid_resource

Query = Callable[[str, Sequence[Any]], list[sqlite3.Row]]

_GUIDE_TYPE, _PROFILE_TYPE = "ImplementationGuide", "StructureDefinition"


@dataclass(frozen=True)
class Profiles:
    """The profiles that lie in one store as StructureDefinition resources."""

    store: str
    query: Query

    def check(self, resource: Json, url: str) -> None:
        """Check a resource against the profile of a canonical URL.

        Raises
        ------
        FhirError
            400 when the store has no such profile, it is of another type, or a rule is broken.
        """
        profile = self._canonical(_PROFILE_TYPE, url)
        if profile is None:
            raise invalid_resource(
                "not-found", "the store has no StructureDefinition with the URL of the profile"
            )
        if profile.get("type") != resource["resourceType"]:
            raise invalid_resource("value", "the profile is for another resource type")
        for rule in _rules(profile):
            rule.check(resource)

    def check_claimed(self, resource: Json) -> None:
        """Check a resource against those of its ``meta.profile`` that the store has.

        Raises
        ------
        FhirError
            400 with the first rule broken.
        """
        for url in (resource.get("meta") or {}).get("profile") or []:
            if self._canonical(_PROFILE_TYPE, url) is not None:
                self.check(resource, url)

    def check_guides(self, resource: Json, guides: Sequence[str]) -> None:
        """Check a resource against what the enabled implementation guides say of its type.

        It must conform to at least one profile in the ``global`` list of one of them.

        Raises
        ------
        FhirError
            400 with the rule that it broke last.
        """
        failure: FhirError | None = None
        for url in guides:
            guide = self._canonical(_GUIDE_TYPE, url) or {}
            for entry in guide.get("global") or []:
                if entry.get("type") != resource["resourceType"]:
                    continue
                if self._canonical(_PROFILE_TYPE, entry.get("profile", "")) is None:
                    continue
                try:
                    self.check(resource, entry["profile"])
                    return
                except FhirError as error:
                    failure = error
        if failure is not None:
            raise failure

    def _canonical(self, resource_type: str, url: str) -> Json | None:
        rows = self.query(
            "SELECT r.body FROM fhir_index i JOIN fhir_resource r ON r.key = i.resource"
            " WHERE i.parameter = 'url' AND i.value = ? AND r.store = ? AND r.type = ?"
            " AND NOT r.deleted AND r.replaced_at IS NULL ORDER BY r.version DESC LIMIT 1",
            (url.partition("|")[0], self.store, resource_type),
        )
        return json.loads(rows[0]["body"]) if rows else None


@dataclass(frozen=True)
class _Rule:
    """What one element of a profile demands; ``path`` is below the resource."""

    path: tuple[str, ...]
    element: Json

    def check(self, resource: Json) -> None:
        *parents, name = self.path
        for holder in _holders(resource, parents):
            values = self._values(holder, name)
            self._check_count(len(values))
            for value in values:
                self._check_value(value)

    def _values(self, holder: Json, name: str) -> list[Any]:
        if name.endswith("[x]"):
            stem = name.removesuffix("[x]")
            allowed = {stem + _capital(kind["code"]) for kind in self.element.get("type", [])}
            present = [key for key in holder if re.fullmatch(rf"{re.escape(stem)}[A-Z]\w*", key)]
            if allowed and not set(present) <= allowed:
                raise self._broken("type", "has a type that the profile does not allow")
            return [holder[key] for key in present]
        value = holder.get(name)
        if value is None:
            return []
        return value if isinstance(value, list) else [value]

    def _check_count(self, count: int) -> None:
        least, most = self.element.get("min", 0), self.element.get("max", "*")
        if count < least:
            raise self._broken("required", f"occurs {count} times, at least {least} are required")
        if most != "*" and count > int(most):
            raise self._broken("structure", f"occurs {count} times, at most {most} are allowed")

    def _check_value(self, value: Any) -> None:
        for key, wanted in self.element.items():
            if key.startswith("fixed") and value != wanted:
                raise self._broken("value", "is not the fixed value of the profile")
            simple = not isinstance(wanted, dict | list)
            if key.startswith("pattern") and simple and value != wanted:
                raise self._broken("value", "does not match the pattern of the profile")
            if key.startswith("minValue") and _comparable(value, wanted) and value < wanted:
                raise self._broken("value", "is below the least value of the profile")
            if key.startswith("maxValue") and _comparable(value, wanted) and value > wanted:
                raise self._broken("value", "is above the largest value of the profile")
        longest = self.element.get("maxLength")
        if longest is not None and isinstance(value, str) and len(value) > longest:
            raise self._broken("too-long", f"is longer than {longest} characters")

    def _broken(self, issue: str, problem: str) -> FhirError:
        place = str(self.element["path"])
        return invalid_resource(issue, f"{place} {problem}", place)


def _rules(profile: Json) -> Iterator[_Rule]:
    view = profile.get("snapshot") or profile.get("differential") or {}
    for element in view.get("element") or []:
        path = tuple(str(element.get("path", "")).split("."))[1:]
        is_slice = "sliceName" in element or ":" in str(element.get("id", ""))
        if path and not is_slice:
            yield _Rule(path, element)


def _holders(node: Any, parents: Sequence[str]) -> list[Json]:
    nodes = [node]
    for name in parents:
        found = [child.get(name) for child in nodes if isinstance(child, dict)]
        nodes = [
            item for value in found for item in (value if isinstance(value, list) else [value])
        ]
    return [item for item in nodes if isinstance(item, dict)]


def _capital(code: str) -> str:
    code = code.removeprefix("http://hl7.org/fhirpath/System.")
    return code[:1].upper() + code[1:]


def _comparable(value: object, bound: object) -> bool:
    numbers = isinstance(value, int | float) and isinstance(bound, int | float)
    return numbers or (isinstance(value, str) and isinstance(bound, str))
