"""A search request, read and checked before anything is looked up.

Source: fhir.search in the healthcare.v1 discovery document,
https://cloud.google.com/healthcare-api/docs/fhir and https://hl7.org/fhir/R4/search.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from localcloud.healthcare.fhir import value_sets
from localcloud.healthcare.fhir.criteria import split_alternatives, unescape
from localcloud.healthcare.fhir.definitions import Definitions, SearchParameter
from localcloud.healthcare.fhir.outcomes import FhirError, invalid_query, not_supported
from localcloud.healthcare.fhir.pages import DEFAULT_COUNT, Cursor, decode_token, parse_count

# Far beyond what anybody asks for; a longer search would overrun SQLite's expression depth.
_MAX_ALTERNATIVES = 500
_MAX_CRITERIA = 100
_MAX_LINKS = 4

_MODIFIERS = {
    "token": {"missing", "not", "text", *value_sets.MODIFIERS},
    "string": {"missing", "exact", "contains"},
    "reference": {"missing"},
    "date": {"missing"},
    "quantity": {"missing"},
    "number": {"missing"},
    "uri": {"missing", "above", "below"},
    "composite": set[str](),
}
_UNSUPPORTED_RESULTS = {"_contained", "_containedType", "_query", "_filter", "_list"}
# Stands for all types where only the parameters they have in common are read.
_ANY_TYPE = "Basic"
_SORTABLE = {"number", "date", "string", "token", "quantity"}
_SUMMARIES = {"text", "data", "false"}
_TOTALS = {"none", "estimate", "accurate"}


@dataclass(frozen=True)
class Criterion:
    """One search parameter with its alternatives.

    ``chain`` continues on the type referred to, ``referring`` on one that refers here (``_has``).
    """

    parameter: SearchParameter
    modifier: str
    values: tuple[str, ...] = ()
    chain: tuple[tuple[str, Criterion], ...] = ()
    referring: tuple[str, Criterion] | None = None

    def value_sets(self) -> Iterator[str]:
        """Yield the value sets that the criterion names, however deep."""
        if self.modifier in value_sets.MODIFIERS:
            yield from map(unescape, self.values)
        followed = [*self.chain, *([self.referring] if self.referring else [])]
        for _, inner in followed:
            yield from inner.value_sets()


@dataclass(frozen=True)
class Inclusion:
    """``_include`` or ``_revinclude``: follow a reference parameter of a type."""

    type: str
    parameter: str
    target: str = ""
    iterate: bool = False


@dataclass(frozen=True)
class SearchQuery:
    """A checked search; ``types`` empty means all types."""

    types: tuple[str, ...]
    criteria: tuple[Criterion, ...] = ()
    includes: tuple[Inclusion, ...] = ()
    revincludes: tuple[Inclusion, ...] = ()
    sort: tuple[tuple[SearchParameter, bool], ...] = ()
    count: int = DEFAULT_COUNT
    after: Cursor | None = None
    elements: tuple[str, ...] = ()
    summary: str = "false"
    total: bool = True


def parse_search(
    resource_type: str | None,
    pairs: Iterable[tuple[str, str]],
    definitions: Definitions,
    *,
    strict: bool,
) -> SearchQuery:
    """Read query parameters.

    Parameters
    ----------
    strict
        Refuse unknown parameters instead of ignoring them.

    Raises
    ------
    FhirError
        400 for what cannot be read, or what the Healthcare API does not support.
    """
    return _Reader(definitions, strict).read(resource_type, list(pairs))


@dataclass(frozen=True)
class _Reader:
    definitions: Definitions
    strict: bool
    links: int = 0

    def read(self, resource_type: str | None, pairs: list[tuple[str, str]]) -> SearchQuery:
        types = self._types(resource_type, pairs)
        base = resource_type or _ANY_TYPE
        criteria: list[Criterion] = []
        results: dict[str, list[tuple[str, str]]] = {}
        for name, value in pairs:
            stem, _, modifier = name.partition(":")
            if stem in _RESULT_PARAMETERS:
                results.setdefault(stem, []).append((modifier, value))
            elif stem in _UNSUPPORTED_RESULTS:
                self._unknown(f"search parameter {stem} is not supported")
            elif resource_type is None and not stem.startswith("_"):
                self._unknown(f"search parameter {stem} is not common to all resource types")
            elif value:
                criterion = self._criterion(base, name, value)
                criteria += [criterion] if criterion else []
        if len(criteria) > _MAX_CRITERIA:
            raise invalid_query(f"a search may have {_MAX_CRITERIA} criteria")
        sort = self._sort(base, _last(results, "_sort", ""))
        return SearchQuery(
            types=types,
            criteria=tuple(criteria),
            includes=self._inclusions(results.get("_include", []), wildcard=True),
            revincludes=self._inclusions(results.get("_revinclude", []), wildcard=False),
            sort=sort,
            count=parse_count(_last(results, "_count", "")),
            # Every page is cut after the sort values, the version and the key of the last match.
            after=decode_token(_last(results, "_page_token", ""), len(sort) + 2),
            elements=tuple(filter(None, _last(results, "_elements", "").split(","))),
            summary=_one_of("_summary", _last(results, "_summary", "false"), _SUMMARIES),
            total=_one_of("_total", _last(results, "_total", "accurate"), _TOTALS) != "none",
        )

    def _types(self, resource_type: str | None, pairs: list[tuple[str, str]]) -> tuple[str, ...]:
        listed = next((value for name, value in pairs if name == "_type"), "")
        names = [resource_type] if resource_type else [name for name in listed.split(",") if name]
        for name in names:
            if name not in self.definitions.resource_types:
                raise FhirError(400, "not-supported", "bad_resource_type", f"no type {name} in R4")
        return tuple(names)

    def _unknown(self, diagnostics: str) -> None:
        if self.strict:
            raise invalid_query(diagnostics)

    def _criterion(self, resource_type: str, name: str, value: str) -> Criterion | None:
        if name.startswith("_has:"):
            return self._has(name, value)
        head, dot, rest = name.partition(".")
        stem, _, modifier = head.partition(":")
        parameter = self.definitions.search[resource_type].get(stem)
        if parameter is None:
            self._unknown(f"unknown search parameter {stem} for {resource_type}")
            return None
        values = tuple(split_alternatives(value))
        if len(values) > _MAX_ALTERNATIVES and stem != "_id":
            raise invalid_query(f"a criterion may have {_MAX_ALTERNATIVES} alternatives")
        if dot or (modifier in self.definitions.resource_types):
            return self._chained(parameter, modifier, rest, value)
        if modifier and modifier not in _MODIFIERS[parameter.type]:
            raise not_supported(f"modifier {modifier} is not supported for {stem}")
        return Criterion(parameter, modifier, values)

    def _next_link(self, *, strict: bool) -> _Reader:
        if self.links >= _MAX_LINKS:
            raise not_supported(f"a search may follow {_MAX_LINKS} references in a row")
        return _Reader(self.definitions, strict, self.links + 1)

    def _has(self, name: str, value: str) -> Criterion | None:
        """Read ``_has:Type:reference:parameter``: those to which a match of Type refers."""
        _, resource_type, link, rest = [*name.split(":", 3), "", "", ""][:4]
        parameter = self.definitions.search.get(resource_type, {}).get(link)
        if parameter is None or parameter.type != "reference" or not rest:
            raise invalid_query("want _has:Type:reference-parameter:parameter")
        inner = self._next_link(strict=self.strict)._criterion(resource_type, rest, value)
        return Criterion(parameter, "", referring=(resource_type, inner)) if inner else None

    def _chained(
        self, parameter: SearchParameter, target: str, rest: str, value: str
    ) -> Criterion | None:
        if parameter.type != "reference":
            raise invalid_query(f"{parameter.name} is not a reference: it cannot be chained")
        if not rest:
            # subject:Patient=123 is the typed form of a plain reference.
            typed = tuple(
                item if "/" in item else f"{target}/{item}" for item in split_alternatives(value)
            )
            return Criterion(parameter, "", typed)
        targets = (target,) if target else parameter.targets
        lenient = self._next_link(strict=False)
        chain = [(name, lenient._criterion(name, rest, value)) for name in targets]
        found = tuple((name, item) for name, item in chain if item is not None)
        if not found:
            self._unknown(f"no type that {parameter.name} refers to has {rest}")
            return None
        return Criterion(parameter, "", chain=found)

    def _inclusions(
        self, listed: list[tuple[str, str]], *, wildcard: bool
    ) -> tuple[Inclusion, ...]:
        found = []
        for modifier, value in listed:
            resource_type, _, rest = value.partition(":")
            name, _, target = rest.partition(":")
            if value == "*" or name == "*":
                if not wildcard:
                    raise not_supported("_revinclude=* is not supported: name the parameter")
                found.append(Inclusion("" if value == "*" else resource_type, "*"))
                continue
            parameter = self.definitions.search.get(resource_type, {}).get(name)
            if parameter is None or parameter.type != "reference":
                raise invalid_query(f"cannot include {value}: want Type:reference-parameter")
            found.append(Inclusion(resource_type, name, target, modifier == "iterate"))
        return tuple(found)

    def _sort(self, resource_type: str, value: str) -> tuple[tuple[SearchParameter, bool], ...]:
        found = []
        for item in filter(None, value.split(",")):
            parameter = self.definitions.search[resource_type].get(item.removeprefix("-"))
            if parameter is None or parameter.type not in _SORTABLE:
                raise invalid_query(f"cannot sort by {item}")
            found.append((parameter, item.startswith("-")))
        return tuple(found)


_RESULT_PARAMETERS = {
    "_count", "_page_token", "_sort", "_include", "_revinclude", "_elements", "_summary", "_type",
    "_format", "_pretty", "_total",
}  # fmt: skip


def _last(results: dict[str, list[tuple[str, str]]], name: str, default: str) -> str:
    return results[name][-1][1] if name in results else default


def _one_of(name: str, text: str, allowed: set[str]) -> str:
    if text not in allowed:
        raise not_supported(f"{name} must be one of {', '.join(sorted(allowed))}")
    return text
