"""References between resources of one store: find, parse, rewrite.

Source: https://hl7.org/fhir/R4/references.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from localcloud.healthcare.fhir.definitions import Json

_LOCAL = re.compile(
    r"(?P<type>[A-Z][A-Za-z]+)/(?P<id>[A-Za-z0-9\-.]{1,64})(/_history/(?P<version>[\w\-.]{1,64}))?"
)

_CONDITIONAL = re.compile(r"[A-Z][A-Za-z]+\?")
_STORE = re.compile(
    r"(projects/[^/]+/locations/[^/]+/datasets/[^/]+/fhirStores/[^/]+)/(?:fhir/)?(.*)", re.DOTALL
)


@dataclass(frozen=True)
class LocalReference:
    """A literal reference to a resource of the same store, perhaps to one version of it."""

    type: str
    id: str
    version: str | None = None

    @property
    def name(self) -> str:
        return f"{self.type}/{self.id}"


def parse_local(text: str, base: str) -> LocalReference | None:
    """Return the local resource a reference names; None for any other kind of reference.

    It may be relative, a URL below the store's own, or begin with the store's resource name.
    Source: https://cloud.google.com/healthcare-api/docs/concepts/fhir-references
    """
    named = _STORE.fullmatch(text)
    if named and base.endswith(f"/{named[1]}/fhir"):
        text = named[2]
    match = _LOCAL.fullmatch(text.removeprefix(f"{base}/"))
    return LocalReference(match["type"], match["id"], match["version"]) if match else None


def is_foreign(text: str, base: str) -> bool:
    """Whether a reference names a resource of another FHIR store."""
    named = _STORE.fullmatch(text)
    return named is not None and not base.endswith(f"/{named[1]}/fhir")


def is_conditional(text: str) -> bool:
    """Whether a reference is a search for its target."""
    return _CONDITIONAL.match(text) is not None


def is_unresolved(text: str) -> bool:
    """Whether a reference still needs a bundle, or a search, to say what it refers to."""
    return text.startswith("urn:uuid:") or is_conditional(text)


def references(node: object, inside_extensions: bool = True) -> Iterator[tuple[Json, str]]:
    """Yield every Reference with a literal ``reference``, and that text, at any depth.

    Parameters
    ----------
    inside_extensions
        Look into extensions too (``complexDataTypeReferenceParsing``).
    """
    if isinstance(node, list):
        for item in node:
            yield from references(item, inside_extensions)
    elif isinstance(node, dict):
        if isinstance(text := node.get("reference"), str):
            yield node, text
        for name, item in node.items():
            if isinstance(item, dict | list) and (inside_extensions or name != "extension"):
                yield from references(item, inside_extensions)


def rewrite(resource: Json, names: Mapping[str, str], inside_extensions: bool = True) -> None:
    """Replace references to a bundle's ``fullUrl`` by the name the resource got, in place."""
    for holder, text in references(resource, inside_extensions):
        address, mark, fragment = text.partition("#")
        if (name := names.get(address)) is not None:
            holder["reference"] = name + mark + fragment
