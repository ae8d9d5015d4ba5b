"""The local cloud's own door on the storage port: health, behaviour, faults, calls, methods."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Mapping

from localcloud.behaviour import as_json as behaviour_json
from localcloud.conditions import Conditions
from localcloud.errors import GoogleError, invalid_argument
from localcloud.http.call import Call, Reply
from localcloud.http.index import ApiListing, as_json
from localcloud.http.index_page import as_html

ADMIN_PREFIX = "/_localcloud"

AdminRoutes = dict[tuple[str, str], Callable[[Call], Reply]]
"""Handlers by verb and path below the prefix."""


class Admin:
    """Answers ``/_localcloud``; its paths belong to no Google service.

    ``routes`` are those of single services, beside the ones that are here; ``check`` raises for a
    request that may not use the door.
    """

    def __init__(
        self,
        conditions: Conditions,
        listings: list[ApiListing],
        routes: AdminRoutes,
        check: Callable[[Call], None],
    ) -> None:
        self._check = check
        faults, behaviour = conditions.faults, conditions.behaviour
        self._faults = faults
        self._behaviour = behaviour
        self._listings = listings
        self._method_ids = [name for listing in listings for name, *_ in listing.methods]
        self._routes: AdminRoutes = {
            **routes,
            ("GET", ""): self._index,
            ("GET", "/health"): lambda _: Reply.json({"status": "ok"}),
            ("GET", "/behaviour"): lambda _: Reply.json(behaviour_json(behaviour.current)),
            ("PATCH", "/behaviour"): self._change_behaviour,
            ("DELETE", "/behaviour"): lambda _: Reply.json(behaviour_json(behaviour.reset())),
            ("GET", "/faults"): lambda _: self._rules(),
            ("POST", "/faults"): self._add_rule,
            ("DELETE", "/faults"): lambda _: self._clear_rules(),
            ("GET", "/calls"): lambda _: Reply.json(faults.calls()),
            ("DELETE", "/calls"): lambda _: self._reset_calls(),
        }

    def handle(self, call: Call) -> Reply:
        """Answer one request below ``/_localcloud``."""
        try:
            self._check(call)
            path = call.path.removeprefix(ADMIN_PREFIX).rstrip("/")
            if (handler := self._routes.get((call.method, path))) is None:
                raise GoogleError.of(404, f"No {call.method} {call.path}; see GET {ADMIN_PREFIX}.")
            return handler(call)
        except GoogleError as error:
            return Reply.json({"error": {"code": error.code, "message": error.message}}, error.code)

    def _index(self, call: Call) -> Reply:
        if "text/html" in call.headers.get("accept", ""):
            behaviour = behaviour_json(self._behaviour.current)
            page = as_html(self._listings, behaviour, self._faults.rules(), self._faults.calls())
            return Reply(body=page.encode(), content_type="text/html; charset=utf-8")
        return Reply.json(as_json(self._listings))

    def _change_behaviour(self, call: Call) -> Reply:
        return Reply.json(behaviour_json(self._behaviour.change(call.json())))

    def _rules(self) -> Reply:
        return Reply.json(self._faults.rules())

    def _add_rule(self, call: Call) -> Reply:
        body = call.json()
        for rule in body if isinstance(body, list) else [body]:
            self._check_pattern(rule)
            self._faults.add(rule)
        return self._rules()

    def _check_pattern(self, rule: object) -> None:
        # A misspelt rule would fail nothing, and the test that set it would pass.
        pattern = rule.get("method") if isinstance(rule, Mapping) else None
        if isinstance(pattern, str) and not fnmatch.filter(self._method_ids, pattern):
            raise invalid_argument(f"No method matches {pattern!r}; GET {ADMIN_PREFIX} lists them.")

    def _clear_rules(self) -> Reply:
        self._faults.clear()
        return self._rules()

    def _reset_calls(self) -> Reply:
        self._faults.reset_calls()
        return Reply.json({})
