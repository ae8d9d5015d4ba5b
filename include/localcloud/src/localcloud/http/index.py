"""The list of every method of every document, and which of them are served."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from localcloud.http.service import HttpService


@dataclass(frozen=True)
class ApiListing:
    """One API: where its contract comes from, and each method's verb, path and state."""

    name: str
    source: str
    methods: tuple[tuple[str, str, bool], ...]

    @property
    def served(self) -> int:
        """How many of the methods are served."""
        return sum(served for *_, served in self.methods)


def listing_of(service: HttpService) -> ApiListing:
    """List the methods of an HTTP service's discovery document."""
    contract, served = service.contract, service.served_methods()
    rows = (
        (
            method_id,
            f"{method['httpMethod']} {method.get('flatPath', method['path'])}",
            method_id in served,
        )
        for method_id, method in contract.methods.items()
    )
    source = f"discovery document {contract.api}.{contract.version}, revision {contract.revision}"
    return ApiListing(contract.api, source, tuple(sorted(rows)))


def grpc_listing(name: str, source: str, served: Mapping[str, bool]) -> ApiListing:
    """List gRPC methods given as path to whether it is served."""
    return ApiListing(name, source, tuple((path, "gRPC", served[path]) for path in sorted(served)))


def as_json(listings: Iterable[ApiListing]) -> dict[str, Any]:
    """Return the index for programs."""
    return {
        listing.name: {
            "source": listing.source,
            "served": listing.served,
            "total": len(listing.methods),
            "methods": [
                {"id": method_id, "call": call, "served": served}
                for method_id, call, served in listing.methods
            ],
        }
        for listing in listings
    }
