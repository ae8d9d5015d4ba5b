"""Methods of operations, at every place where Vertex AI has them.

Source: https://cloud.google.com/vertex-ai/docs/general/long-running-operations
"""

from __future__ import annotations

import math

from localcloud.errors import invalid_argument
from localcloud.filtering import compile_filter
from localcloud.http.call import Call, Reply
from localcloud.http.service import serves
from localcloud.longrunning import Operations
from localcloud.paging import page

_MAX_WAIT_SECONDS = 60.0
_PLACES = ("", ".endpoints", ".models")


def _each(verb: str) -> tuple[str, ...]:
    return tuple(f"aiplatform.projects.locations{place}.operations.{verb}" for place in _PLACES)


class OperationMethods:
    """operations.get, list, wait, cancel and delete."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    @serves(*_each("get"))
    def get(self, call: Call) -> Reply:
        return Reply.json(self._operations.get(call.params["name"]))

    @serves(*_each("list"))
    def list(self, call: Call) -> Reply:
        passes = compile_filter(call.query.get("filter"), frozenset({"done", "name"}))
        found = [
            operation
            for operation in self._operations.below(call.params["name"])
            if passes({"done": False, **operation})
        ]
        shown, more = page(call, found, lambda operation: str(operation["name"]), 100, 1000)
        return Reply.json({**({"operations": shown} if shown else {}), **more})

    @serves(*_each("wait"))
    def wait(self, call: Call) -> Reply:
        """Answer when the operation is done, and after a minute at the latest."""
        timeout = call.query.get("timeout") or f"{_MAX_WAIT_SECONDS}s"
        try:
            seconds = float(timeout.removesuffix("s"))
        except ValueError:
            seconds = math.nan
        if not 0 <= seconds < math.inf:
            raise invalid_argument(f"Invalid timeout {timeout!r}; give a duration such as 10s.")
        name = call.params["name"]
        return Reply.json(self._operations.wait(name, min(seconds, _MAX_WAIT_SECONDS)))

    @serves(*_each("cancel"))
    def cancel(self, call: Call) -> Reply:
        self._operations.cancel(call.params["name"])
        return Reply.json({})

    @serves(*_each("delete"))
    def delete(self, call: Call) -> Reply:
        self._operations.delete(call.params["name"])
        return Reply.json({})
