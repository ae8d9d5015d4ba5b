"""List filters: comparisons of fields, joined by AND, OR and NOT.

OR binds closer than AND, and a blank between two comparisons means AND.
Source: https://google.aip.dev/160
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from localcloud.errors import invalid_argument

Predicate = Callable[[Mapping[str, Any]], bool]

_MAX_CHARACTERS = 2000
_MAX_DEPTH = 20
_TOKEN = re.compile(
    r"""\s*(?:(?P<paren>[()])|(?P<comparator>!=|<=|>=|=|<|>|:)
    |"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<word>[^\s()"=<>!:]+))""",
    re.VERBOSE,
)
_SNAKE = re.compile(r"_([a-z])")
_ORDERED: Mapping[str, Callable[[str, str], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def compile_filter(text: str | None, fields: frozenset[str], bare: str | None = None) -> Predicate:
    """Turn a filter into a test of a resource's JSON; no filter lets everything pass.

    Parameters
    ----------
    fields
        Names in camel case that may be compared; a filter may write them in snake case as well.
    bare
        The field in which a word without a comparator is looked for; None refuses such a word.

    Raises
    ------
    GoogleError
        400 when the filter cannot be read or names another field.
    """
    if not text or not text.strip():
        return lambda _: True
    if len(text) > _MAX_CHARACTERS:
        raise invalid_argument(f"The filter is longer than {_MAX_CHARACTERS} characters.")
    return _Parser(text, fields, bare).whole()


class _Parser:
    def __init__(self, text: str, fields: frozenset[str], bare: str | None) -> None:
        self._tokens = _tokens(text)
        self._at = 0
        self._depth = 0
        self._fields = fields
        self._bare = bare

    def whole(self) -> Predicate:
        result = self._all()
        if self._at < len(self._tokens):
            raise _unreadable(self._tokens[self._at][1])
        return result

    def _all(self) -> Predicate:
        parts = [self._any()]
        while self._at < len(self._tokens) and not self._peek("paren", ")"):
            if self._peek("word", "AND"):
                self._at += 1
            parts.append(self._any())
        return lambda resource: all(part(resource) for part in parts)

    def _any(self) -> Predicate:
        parts = [self._term()]
        while self._peek("word", "OR"):
            self._at += 1
            parts.append(self._term())
        return lambda resource: any(part(resource) for part in parts)

    def _term(self) -> Predicate:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise invalid_argument(f"The filter nests deeper than {_MAX_DEPTH} levels.")
        result = self._negation_or_group()
        self._depth -= 1
        return result

    def _negation_or_group(self) -> Predicate:
        if self._peek("word", "NOT"):
            self._at += 1
            inner = self._term()
            return lambda resource: not inner(resource)
        kind, text = self._next()
        if kind == "paren" and text == "(":
            result = self._all()
            if not self._peek("paren", ")"):
                raise _unreadable("(")
            self._at += 1
            return result
        if kind not in ("word", "quoted"):
            raise _unreadable(text)
        return self._comparison(text)

    def _comparison(self, text: str) -> Predicate:
        if self._at >= len(self._tokens) or self._tokens[self._at][0] != "comparator":
            if self._bare is None:
                raise _unreadable(text)
            return _comparing([self._bare], ":", text)
        path = text.split(".", 1)
        if path[0].endswith(".") or (len(path) == 2 and not path[1]):
            raise _unreadable(text)
        path[0] = _SNAKE.sub(lambda match: match[1].upper(), path[0])
        if path[0] not in self._fields:
            known = ", ".join(sorted(self._fields))
            raise invalid_argument(f"Invalid filter: there is no field {text!r}; use {known}.")
        comparator = self._next()[1]
        kind, value = self._next()
        if kind not in ("word", "quoted"):
            raise _unreadable(value)
        return _comparing(path, comparator, value)

    def _peek(self, kind: str, text: str) -> bool:
        return self._at < len(self._tokens) and self._tokens[self._at] == (kind, text)

    def _next(self) -> tuple[str, str]:
        if self._at >= len(self._tokens):
            raise invalid_argument("Invalid filter: it ends too early.")
        self._at += 1
        return self._tokens[self._at - 1]


def _tokens(text: str) -> list[tuple[str, str]]:
    found, position = [], 0
    text = text.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise _unreadable(text[position:])
        kind = str(match.lastgroup)
        value = match[kind]
        found.append((kind, re.sub(r"\\(.)", r"\1", value) if kind == "quoted" else value))
        position = match.end()
    return found


def _comparing(path: list[str], comparator: str, wanted: str) -> Predicate:
    def matches(resource: Mapping[str, Any]) -> bool:
        found: Any = resource
        for step in path:
            found = found.get(step) if isinstance(found, Mapping) else None
        if comparator == ":" and wanted == "*":
            return found is not None
        if comparator == ":" and isinstance(found, Mapping):
            return wanted in found
        if found is None:
            return comparator == "!="
        text = str(found).lower() if isinstance(found, bool) else str(found)
        if comparator == ":":
            return wanted.lower() in text.lower()
        if comparator in ("=", "!="):
            return (text == wanted) == (comparator == "=")
        return _ORDERED[comparator](text, wanted)

    return matches


def _unreadable(text: str) -> Exception:
    return invalid_argument(f"Invalid filter near {text[:40]!r}.")
