"""Cloud Storage's glob patterns.

``*`` matches within a path segment, ``**`` across segments, ``?`` one character that is not a
slash, ``[a-z]`` and ``[!a-z]`` sets, ``{a,b}`` alternatives; a backslash escapes. A pattern becomes
an automaton that reads each name once, so that no pattern can make a listing take for ever.
Source: https://cloud.google.com/storage/docs/json_api/v1/objects/list#list-objects-and-prefixes-using-glob
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from localcloud.errors import invalid_argument

_TOKEN = re.compile(
    r"(?P<deep>\*\*/?)|(?P<star>\*)|(?P<any>\?)|\[(?P<set>!?\]?[^\]]*)\]"
    r"|(?P<open>\{)|(?P<comma>,)|(?P<close>\})|\\(?P<escaped>.)|(?P<plain>.)",
    re.DOTALL,
)
_RANGE = re.compile(r"(.)-(.)|(.)", re.DOTALL)
_MAX_CHARACTERS = 1024
_MAX_REMEMBERED = 4096

_Accepts = Callable[[str], bool]
_States = frozenset[int]


class Glob:
    """A pattern as states with edges that read one character, or none.

    Raises
    ------
    GoogleError
        400 for unbalanced braces, a set that ends before it begins, or a pattern too long.
    """

    def __init__(self, pattern: str) -> None:
        if len(pattern) > _MAX_CHARACTERS:
            raise invalid_argument(f"matchGlob has more than {_MAX_CHARACTERS} characters.")
        self._reading: list[list[tuple[_Accepts, int]]] = []
        self._free: list[list[int]] = []
        self._known: dict[tuple[_States, str], _States] = {}
        self._start = self._last = self._add()
        self._groups: list[tuple[int, int]] = []
        for token in _TOKEN.finditer(pattern):
            self._append(token, pattern)
        if self._groups:
            raise _unbalanced(pattern)

    def matches(self, name: str) -> bool:
        """Whether the whole of a name fits."""
        states = self._with_free_edges([self._start])
        for character in name:
            key = (states, character)
            following = self._known.get(key)
            if following is None:
                if len(self._known) >= _MAX_REMEMBERED:
                    self._known.clear()
                following = self._known[key] = self._with_free_edges(
                    target
                    for state in states
                    for accepts, target in self._reading[state]
                    if accepts(character)
                )
            states = following
        return self._last in states

    def _append(self, token: re.Match[str], pattern: str) -> None:
        kind = token.lastgroup
        if kind == "deep":
            self._repeat(lambda character: True)
            if token[0].endswith("/"):
                # "**/" also matches no folder at all: "**/*.dcm" finds "a.dcm".
                before = self._last - 1
                self._read("/".__eq__)
                self._free[before].append(self._last)
        elif kind == "star":
            self._repeat(_is_no_slash)
        elif kind == "any":
            self._read(_is_no_slash)
        elif kind == "set":
            self._read(_set(token["set"], pattern))
        elif kind == "open":
            self._groups.append((self._last, self._add()))
            self._branch()
        elif kind == "comma" and self._groups:
            self._free[self._last].append(self._groups[-1][1])
            self._branch()
        elif kind == "close":
            if not self._groups:
                raise _unbalanced(pattern)
            end = self._groups.pop()[1]
            self._free[self._last].append(end)
            self._last = end
        else:
            self._read((token["escaped"] or token[0]).__eq__)

    def _add(self) -> int:
        self._reading.append([])
        self._free.append([])
        return len(self._free) - 1

    def _read(self, accepts: _Accepts) -> None:
        state = self._add()
        self._reading[self._last].append((accepts, state))
        self._last = state

    def _repeat(self, accepts: _Accepts) -> None:
        first, state = self._add(), self._add()
        self._free[self._last].append(first)
        self._free[first].append(state)
        self._reading[state].append((accepts, state))
        self._last = state

    def _branch(self) -> None:
        state = self._add()
        self._free[self._groups[-1][0]].append(state)
        self._last = state

    def _with_free_edges(self, states: Iterable[int]) -> _States:
        waiting = list(states)
        reached = set(waiting)
        while waiting:
            new = [state for state in self._free[waiting.pop()] if state not in reached]
            reached.update(new)
            waiting += new
        return frozenset(reached)


def _is_no_slash(character: str) -> bool:
    return character != "/"


def _set(text: str, pattern: str) -> _Accepts:
    inverted = text.startswith("!")
    ranges = [
        (single, single) if single else (low, high)
        for low, high, single in _RANGE.findall(text.removeprefix("!"))
    ]
    if any(low > high for low, high in ranges):
        raise invalid_argument(f"Invalid matchGlob {pattern!r}: a set ends before it begins.")
    return lambda character: inverted != any(low <= character <= high for low, high in ranges)


def _unbalanced(pattern: str) -> Exception:
    return invalid_argument(f"Invalid matchGlob {pattern!r}: braces do not match.")
