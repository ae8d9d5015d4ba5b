"""The list of every method of every document, and which of them are served."""

from __future__ import annotations

import html
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
    """Return the index for programs; an API that is served in two dialects is one entry."""
    index: dict[str, Any] = {}
    for listing in listings:
        entry = index.setdefault(listing.name, {"source": listing.source, "methods": []})
        if entry["methods"]:
            entry["source"] += f"; {listing.source}"
        entry["methods"] += [
            {"id": method_id, "call": call, "served": served}
            for method_id, call, served in listing.methods
        ]
    return index


def as_html(listings: Iterable[ApiListing]) -> str:
    """Return the index for people."""
    return _PAGE.format(tables="".join(_table(listing) for listing in listings))


def _table(listing: ApiListing) -> str:
    count = sum(served for *_, served in listing.methods)
    rows = "".join(
        f'<tr class="{"yes" if served else "no"}"><td>{html.escape(method_id)}</td>'
        f"<td><code>{html.escape(call)}</code></td><td>{'served' if served else '501'}</td></tr>"
        for method_id, call, served in sorted(listing.methods, key=lambda row: not row[2])
    )
    return (
        f"<h2>{html.escape(listing.name)}</h2>"
        f"<p>{count} of {len(listing.methods)} methods served; {html.escape(listing.source)}.</p>"
        f"<table><tr><th>Method</th><th>Call</th><th></th></tr>{rows}</table>"
    )


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Local cloud</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem;
  color: #1b1f24; background: #fff; }}
table {{ border-collapse: collapse; width: 100%; table-layout: fixed; }}
th, td {{ text-align: left; padding: .2rem .6rem; border-bottom: 1px solid #e4e7eb;
  overflow-wrap: anywhere; }}
th:last-child, td:last-child {{ width: 5rem; }}
tr.no td {{ color: #5c6670; }}
code {{ font-size: 13px; }}
@media (prefers-color-scheme: dark) {{
  body {{ background: #14171a; color: #e6e8ea; }}
  th, td {{ border-color: #30363c; }}
  tr.no td {{ color: #9aa4ae; }}
}}
</style></head>
<body><h1>Local cloud</h1>
<p>Faults: <code>POST /_localcloud/faults</code>. Calls: <code>GET /_localcloud/calls</code>.</p>
{tables}</body></html>
"""
