"""Cloud Storage's glob patterns.

``*`` matches within a path segment, ``**`` across segments, ``?`` one character that is not a
slash, ``[a-z]`` and ``[!a-z]`` sets, ``{a,b}`` alternatives; a backslash escapes.
Source: https://cloud.google.com/storage/docs/json_api/v1/objects/list#list-objects-and-prefixes-using-glob
"""

from __future__ import annotations

import re

from localcloud.errors import invalid_argument

_TOKEN = re.compile(
    r"(?P<deep>\*\*/?)|(?P<star>\*)|(?P<any>\?)|(?P<set>\[!?\]?[^\]]*\])"
    r"|(?P<open>\{)|(?P<comma>,)|(?P<close>\})|\\(?P<escaped>.)|(?P<plain>.)",
    re.DOTALL,
)


def compile_glob(glob: str) -> re.Pattern[str]:
    """Translate a glob into a regular expression for ``fullmatch``.

    Raises
    ------
    GoogleError
        400 for unbalanced braces.
    """
    expression, depth = "", 0
    for token in _TOKEN.finditer(glob):
        kind = token.lastgroup or "plain"
        depth += {"open": 1, "close": -1}.get(kind, 0)
        if depth < 0:
            break
        expression += _translate(kind, token[0], token["escaped"] or token[0], depth)
    if depth:
        raise invalid_argument(f"Invalid matchGlob {glob!r}: braces do not match.")
    return re.compile(expression, re.DOTALL)


def _translate(kind: str, text: str, character: str, depth: int) -> str:
    if kind == "deep":
        # "**/" also matches no folder at all: "**/*.dcm" finds "a.dcm".
        return "(?:.*/)?" if text.endswith("/") else ".*"
    if kind == "set":
        inner = text[1:-1].replace("\\", "\\\\")
        return f"[^{inner[1:]}]" if inner.startswith("!") else f"[{inner}]"
    if kind == "comma":
        return "|" if depth else ","
    fixed = {"star": "[^/]*", "any": "[^/]", "open": "(?:", "close": ")"}
    return fixed.get(kind) or re.escape(character)
