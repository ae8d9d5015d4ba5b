"""What a method needs: permissions, each on a resource that the request names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

# The value that a request gives to a placeholder; empty when it gives none.
Lookup = Callable[[str], str]


@dataclass(frozen=True)
class Need:
    """One permission on one resource.

    Parameters
    ----------
    permission
        ``storage.objects.get``; ``{collection}`` stands for the kind of the resource, as in
        ``pubsub.{collection}.setIamPolicy``.
    resource
        A name with placeholders: ``{bucket}`` is a path parameter or a field of a message,
        ``{?project}`` a query parameter, ``{.destinationStore}`` a field of the JSON body,
        ``{@project}`` the project that pays.
    header
        Needed only by requests that carry this header.
    optional
        Needed only by requests that name the resource.
    """

    permission: str
    resource: str
    header: str = ""
    optional: bool = False

    def resolve(self, lookup: Lookup) -> tuple[str, str] | None:
        """Return permission and resource name, or None when the request names no resource."""
        resource = self.resource
        while "{" in resource:
            before, _, rest = resource.partition("{")
            name, _, after = rest.partition("}")
            value = lookup(name)
            if not value:
                return None
            # A value never brings placeholders of its own.
            resource = before + value.replace("{", "%7B") + after
        collection = resource.split("/")[-2] if "/" in resource else ""
        return self.permission.replace("{collection}", collection), resource


Needs = tuple[Need, ...]
Table = Mapping[str, Needs]


def need(permission: str, resource: str) -> Needs:
    """Return the needs of a method that needs one permission."""
    return (Need(permission, resource),)


NOTHING: Needs = ()
"""Of a method that anybody who is authenticated may call."""
