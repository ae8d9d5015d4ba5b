"""List filters: comparisons of fields, joined by AND, OR and NOT.

OR binds closer than AND, and a blank between two comparisons means AND.
Source: https://google.aip.dev/160
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from localcloud.errors import invalid_argument

Predicate = Callable[[Mapping[str, Any]], bool]

_MAPS = frozenset({"annotations", "labels"})
"""Fields whose keys are what their owner wrote, dots and underscores included."""
_MAX_CHARACTERS = 2000
_MAX_DEPTH = 20
_TOKEN = re.compile(
    r"""\s*(?:(?P<paren>[()])|(?P<comparator>!=|<=|>=|=|<|>|:)
    |"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<word>[^\s()"=<>!:]+))""",
    re.VERBOSE,
)
# A value may hold what separates a field from it, as the colons of a time do.
_VALUE = re.compile(r"\s*(?P<word>[^\s()\"]+)")
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
        path = _path(text)
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
    found: list[tuple[str, str]] = []
    position = 0
    text = text.rstrip()
    while position < len(text):
        after_comparator = found and found[-1][0] == "comparator"
        match = _VALUE.match(text, position) if after_comparator else None
        match = match or _TOKEN.match(text, position)
        if match is None:
            raise _unreadable(text[position:])
        kind = str(match.lastgroup)
        value = match[kind]
        found.append((kind, re.sub(r"\\(.)", r"\1", value) if kind == "quoted" else value))
        position = match.end()
    return found


def _path(text: str) -> list[str]:
    root, *rest = text.split(".")
    if not root or not all(rest):
        raise _unreadable(text)
    if root in _MAPS:
        return [root, ".".join(rest)] if rest else [root]
    return [_SNAKE.sub(lambda match: match[1].upper(), step) for step in (root, *rest)]


def _comparing(path: list[str], comparator: str, wanted: str) -> Predicate:
    def matches(value: object) -> bool:
        if comparator == ":" and wanted == "*":
            return True
        if comparator == ":" and isinstance(value, Mapping):
            return wanted in value
        text = str(value).lower() if isinstance(value, bool) else str(value)
        if comparator == ":":
            return wanted.lower() in text.lower()
        if comparator in _ORDERED:
            return _ORDERED[comparator](text, wanted)
        return text == wanted

    def test(resource: Mapping[str, Any]) -> bool:
        found = any(matches(value) for value in _values(resource, path))
        return not found if comparator == "!=" else found

    return test


def _values(value: Any, path: Sequence[str]) -> Iterator[object]:
    """Yield what lies at the end of a path, each item of a list on its own."""
    if isinstance(value, list):
        for item in value:
            yield from _values(item, path)
    elif not path:
        if value is not None:
            yield value
    elif isinstance(value, Mapping):
        yield from _values(value.get(path[0]), path[1:])


def _unreadable(text: str) -> Exception:
    return invalid_argument(f"Invalid filter near {text[:40]!r}.")
