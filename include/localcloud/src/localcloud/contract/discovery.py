"""A discovery document as a routing table.

The document is the one shipped in google-api-python-client, so that what is routed is what
Google's own clients call.
Source: https://developers.google.com/discovery/v1/reference/apis
"""

from __future__ import annotations

import importlib.resources
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote, unquote, unquote_to_bytes

from localcloud.contract.schema import check_value
from localcloud.errors import invalid_argument

Media = Literal["", "upload", "download", "xml"]

_SEGMENT_SAFE = "-._~!$&'()*+,;=:@"
_EXTRA_QUERY = frozenset({"$alt", "$fields", "$prettyPrint", "access_token"})
_MEDIA_QUERY = frozenset({"upload_id", "name"})


@dataclass(frozen=True)
class Route:
    """A request resolved to a method; ``params`` are percent-decoded path parameters."""

    method_id: str
    params: dict[str, str]
    media: Media = ""


@dataclass(frozen=True)
class _Pattern:
    verb: str
    expression: re.Pattern[str]
    literal_length: int
    method_id: str
    media: Media


class Contract:
    """The methods, paths, parameters and schemas of one API version.

    Parameters
    ----------
    api, version
        As in the document's file name: ``storage``, ``v1``.
    """

    def __init__(self, api: str, version: str) -> None:
        documents = importlib.resources.files("googleapiclient") / "discovery_cache/documents"
        document = json.loads((documents / f"{api}.{version}.json").read_text("utf-8"))
        self.api = api
        self.version = version
        self.revision: str = document["revision"]
        self.batch_path: str = document["batchPath"]
        self.methods: dict[str, dict[str, Any]] = {m["id"]: m for m in _methods(document)}
        self.schemas: dict[str, Any] = document.get("schemas", {})
        self._common_query = frozenset(document.get("parameters", {})) | _EXTRA_QUERY
        patterns = [p for m in self.methods.values() for p in _patterns(m, document["servicePath"])]
        # The longest literal text wins: ":lookup" before a parameter that would swallow it.
        patterns.sort(key=lambda pattern: -pattern.literal_length)
        self._patterns: dict[str, list[_Pattern]] = {}
        for pattern in patterns:
            self._patterns.setdefault(pattern.verb, []).append(pattern)

    def route(self, verb: str, raw_path: str) -> Route | None:
        """Resolve a verb and a still percent-encoded path, or return None.

        An encoded slash (``%2F``) is part of a name, never a separator.

        Raises
        ------
        GoogleError
            400 when a parameter is not UTF-8.
        """
        path = canonical_path(raw_path)
        for pattern in self._patterns.get("GET" if verb == "HEAD" else verb, ()):
            if match := pattern.expression.fullmatch(path):
                params = {name: _decoded(value) for name, value in match.groupdict().items()}
                return Route(pattern.method_id, params, pattern.media)
        return None

    def check_query(self, route: Route, names: Iterator[str]) -> None:
        """Reject a query parameter that the method does not have.

        Raises
        ------
        GoogleError
            400, naming the parameter.
        """
        known = self._common_query | set(self.methods[route.method_id].get("parameters", {}))
        if route.media:
            known = known | _MEDIA_QUERY
        for name in names:
            if name not in known:
                raise invalid_argument(
                    f'Invalid JSON payload received. Unknown name "{name}": '
                    f"Cannot bind query parameter of {route.method_id}."
                )

    def request_schema(self, method_id: str) -> str | None:
        """Return the schema name of a JSON request body, None when the body is not JSON."""
        reference = self.methods[method_id].get("request", {}).get("$ref")
        return None if reference in (None, "HttpBody") else reference

    def response_schema(self, method_id: str) -> str | None:
        """Return the schema name of a JSON answer, None when the answer is not JSON."""
        reference = self.methods[method_id].get("response", {}).get("$ref")
        return None if reference in (None, "HttpBody") else reference

    def check_body(self, method_id: str, body: object) -> None:
        """Check a JSON request body against the method's schema.

        Raises
        ------
        GoogleError
            400 on an unknown field or a value of the wrong type.
        """
        if reference := self.request_schema(method_id):
            check_value(self.schemas, reference, body)


def canonical_path(raw_path: str) -> str:
    """Re-encode each segment of a path in one way, so that ``%24`` and ``$`` are the same."""
    if "%" not in raw_path:
        return raw_path
    parts = (unquote_to_bytes(part) for part in raw_path.split("/"))
    return "/".join(quote(part, safe=_SEGMENT_SAFE) for part in parts)


def _decoded(value: str) -> str:
    try:
        return unquote(value, errors="strict")
    except UnicodeDecodeError:
        raise invalid_argument(f"{value!r} is not percent-encoded UTF-8.") from None


def _methods(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from node.get("methods", {}).values()
    for child in node.get("resources", {}).values():
        yield from _methods(child)


def _patterns(method: dict[str, Any], service_path: str) -> Iterator[_Pattern]:
    verb = method["httpMethod"]
    parameters = method.get("parameters", {})

    def compiled(verb: str, template: str, media: Media) -> _Pattern:
        expression, literal_length = _compile(template, parameters)
        return _Pattern(verb, expression, literal_length, method["id"], media)

    yield compiled(verb, f"/{service_path}{method['path']}", "")
    if method.get("useMediaDownloadService"):
        yield compiled(verb, f"/download/{service_path}{method['path']}", "download")
    for protocol in method.get("mediaUpload", {}).get("protocols", {}).values():
        # A resumable session goes on with PUT and is given up with DELETE.
        for upload_verb in ("POST", "PUT", "DELETE"):
            yield compiled(upload_verb, protocol["path"], "upload")


def _compile(template: str, parameters: dict[str, Any]) -> tuple[re.Pattern[str], int]:
    expression, literal_length = "", 0
    for token in re.split(r"(\{\+?\w+\})", template):
        placeholder = re.fullmatch(r"\{(\+?)(\w+)\}", token)
        if placeholder is None:
            expression += re.escape(token)
            literal_length += len(token)
            continue
        reserved, name = placeholder.groups()
        default = "^.+$" if reserved else "^[^/]+$"
        pattern = parameters.get(name, {}).get("pattern", default).removeprefix("^")
        pattern = pattern.removesuffix("$")
        literal_length += len(re.sub(r"\[\^/\][+*]|\.[+*]", "", pattern))
        expression += f"(?P<{name}>{pattern})"
    return re.compile(expression), literal_length
