"""The index for people: what is served, how the cloud behaves, and what was called."""

from __future__ import annotations

import html
import importlib.resources
import json
from collections.abc import Iterable, Mapping, Sequence
from string import Template
from typing import Any

from localcloud.http.index import ApiListing

_MOST_CALLED = 8


def as_html(
    listings: Sequence[ApiListing],
    behaviour: Mapping[str, Any],
    faults: Sequence[Mapping[str, Any]],
    calls: Mapping[str, int],
) -> str:
    """Return the page; the arguments are what ``/_localcloud`` tells programs."""
    template = (importlib.resources.files("localcloud.http") / "index.html").read_text("utf-8")
    most_called = sorted(calls.items(), key=lambda pair: -pair[1])[:_MOST_CALLED]
    return Template(template).substitute(
        served=sum(listing.served for listing in listings),
        total=sum(len(listing.methods) for listing in listings),
        cards="".join(map(_card, listings)),
        options="".join(f"<option>{html.escape(listing.name)}</option>" for listing in listings),
        tables="".join(map(_table, listings)),
        behaviour=_terms((name, json.dumps(value)) for name, value in behaviour.items()),
        faults=_terms((str(rule["method"]), _effect(rule)) for rule in faults) or _none(),
        calls=_terms((name, str(count)) for name, count in most_called) or _none(),
    )


def _card(listing: ApiListing) -> str:
    name, served, total = html.escape(listing.name), listing.served, len(listing.methods)
    return (
        f'<a class="card" href="#{name}">{name}<b>{served} <small>of {total}</small></b>'
        f'<progress value="{served}" max="{total}" aria-label="served"></progress></a>'
    )


def _table(listing: ApiListing) -> str:
    rows = "".join(
        f'<tr class="{"yes" if served else "no"}"><td>{html.escape(method_id)}</td>'
        f"<td><code>{html.escape(call)}</code></td><td>{'served' if served else '501'}</td></tr>"
        for method_id, call, served in sorted(listing.methods, key=lambda row: not row[2])
    )
    name = html.escape(listing.name)
    return (
        f'<section class="service" id="{name}"><h2>{name}</h2>'
        f'<p class="source">{listing.served} of {len(listing.methods)} methods served; '
        f"{html.escape(listing.source)}</p>"
        f"<table><thead><tr><th>Method</th><th>Call</th><th>State</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></section>"
    )


def _terms(pairs: Iterable[tuple[str, str]]) -> str:
    rows = "".join(
        f"<dt>{html.escape(name)}</dt><dd>{html.escape(text)}</dd>" for name, text in pairs
    )
    return f"<dl>{rows}</dl>" if rows else ""


def _none() -> str:
    return '<p class="faint">none</p>'


def _effect(rule: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in rule.items() if name != "method")
