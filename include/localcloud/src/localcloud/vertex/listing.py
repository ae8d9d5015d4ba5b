"""Lists of models, versions and endpoints: filter, order, pages.

Source: https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.endpoints/list
"""

from __future__ import annotations

import re
from functools import partial
from typing import Any

from localcloud.errors import invalid_argument
from localcloud.filtering import compile_filter
from localcloud.http.call import Call
from localcloud.paging import page

Json = dict[str, Any]

_DEFAULT_PAGE = 50
_MAX_PAGE = 100
_ORDER_FIELDS = frozenset({"displayName", "createTime", "updateTime"})
_SNAKE = re.compile(r"_([a-z])")


def listed(call: Call, kind: str, items: list[Json], *, by_version: bool = False) -> Json:
    """Return one page of the items that a call's filter lets through, in its order.

    Parameters
    ----------
    kind
        ``models`` or ``endpoints``: the key of the answer; without its s, the filter's name of
        the id.
    by_version
        Order by the times of the versions, not of their model.

    Raises
    ------
    GoogleError
        400 for a filter, an order or a token that cannot be.
    """
    id_field = kind.removesuffix("s")
    fields = frozenset({id_field, "displayName", "labels", "createTime", "updateTime"})
    passes = compile_filter(call.query.get("filter"), fields)
    found = [i for i in items if passes({**i, id_field: i["name"].rpartition("/")[2]})]
    for name, descending in reversed(_order(call.query.get("orderBy") or "")):
        key = f"version{name[0].upper()}{name[1:]}" if by_version else name
        found.sort(key=partial(_text, name=key), reverse=descending)
    shown, more = page(call, found, lambda item: str(item["name"]), _DEFAULT_PAGE, _MAX_PAGE)
    return {**({kind: shown} if shown else {}), **more}


def _text(item: Json, name: str) -> str:
    return str(item.get(name, ""))


def _order(text: str) -> list[tuple[str, bool]]:
    orders = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, direction = part.partition(" ")
        name = camel(name)
        if name not in _ORDER_FIELDS or direction.strip() not in ("", "asc", "desc"):
            raise invalid_argument(f"Cannot order by {part!r}; use {sorted(_ORDER_FIELDS)}.")
        orders.append((name, direction.strip() == "desc"))
    return orders


def camel(path: str) -> str:
    """Return the camel case of a field name in either spelling."""
    return _SNAKE.sub(lambda match: match[1].upper(), path.strip())


def masked(call: Call, body: Json, mutable: frozenset[str]) -> Json:
    """Return the fields that an update sets; a field that the body lacks is None, to be removed.

    Raises
    ------
    GoogleError
        400 when the mask is absent or names a field that cannot be updated.
    """
    mask = [camel(field) for field in (call.query.get("updateMask") or "").split(",") if field]
    if not mask:
        raise invalid_argument("Update mask is required; name the fields to update.")
    # Google takes the subfields of a message and of a map as the field itself.
    fields = {field.partition(".")[0] for field in mask}
    if unknown := sorted(fields - mutable):
        raise invalid_argument(f"Field {unknown[0]!r} in the update mask cannot be updated.")
    return {field: body.get(field) for field in fields}
