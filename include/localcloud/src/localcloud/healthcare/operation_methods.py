"""operations.get, list and cancel, at the names that start calls return.

Source: https://cloud.google.com/healthcare-api/docs/reference/rest/v1/projects.locations.datasets.operations
"""

from __future__ import annotations

import re

from localcloud.errors import GoogleError
from localcloud.healthcare.operations import Operations
from localcloud.healthcare.resources import (
    dataset_of,
    invalid,
    page_start,
    page_token,
    present,
)
from localcloud.healthcare.stores import Resources
from localcloud.http.call import Call, Reply
from localcloud.http.service import serves

_OPERATIONS = "healthcare.projects.locations.datasets.operations"
_TERM = re.compile(r'([\w.]+)\s*([=:])\s*(?:"([^"]*)"|(\S+))')

# What a filter can name, as SQL; "has" (:) is a substring, as the API design guide has it.
_FIELDS = {
    "name": "name",
    "done": "iif(done, 'true', 'false')",
    "metadata.apiMethodName": "json_extract(body, '$.metadata.apiMethodName')",
    "error.code": "json_extract(body, '$.error.code')",
}


class OperationMethods:
    """Operations as their clients see them."""

    def __init__(self, operations: Operations, resources: Resources) -> None:
        self._operations = operations
        self._resources = resources

    @serves(f"{_OPERATIONS}.get")
    def get(self, call: Call) -> Reply:
        self._check_dataset(call)
        return Reply.json(self._operations.get(call.params["name"]))

    @serves(f"{_OPERATIONS}.list")
    def list(self, call: Call) -> Reply:
        """List a dataset's operations; the order is that of their names, which tells nothing."""
        self._check_dataset(call)
        if call.query.flag("returnPartialSuccess"):
            raise GoogleError.of(501, "return_partial_success is not supported: leave it out")
        size, after = page_start(call)
        where, arguments = _condition(call.query.get("filter") or "")
        dataset = call.params["name"]
        found = self._operations.find(dataset, where, arguments, after, size + 1)
        token = page_token(found[size - 1]["name"]) if len(found) > size else ""
        return Reply.json(present({"operations": found[:size], "nextPageToken": token}))

    @serves(f"{_OPERATIONS}.cancel")
    def cancel(self, call: Call) -> Reply:
        """Ask the operation to stop; best effort, and without effect on one that is done."""
        self._check_dataset(call)
        self._operations.cancel(call.params["name"])
        return Reply.json({})

    def _check_dataset(self, call: Call) -> None:
        self._resources.get(dataset_of(call.params["name"]))


def _condition(expression: str) -> tuple[str, list[str]]:
    """Turn a filter such as ``done=true AND metadata.apiMethodName:Import`` into SQL."""
    conditions, arguments = ["1"], []
    for term in filter(None, re.split(r"\s+AND\s+", expression.strip())):
        match = _TERM.fullmatch(term.strip())
        if match is None or match[1] not in _FIELDS:
            fields = ", ".join(_FIELDS)
            raise invalid(
                f"invalid filter {term!r}: compare one of {fields} by = or :, join by AND"
            )
        field, operator, quoted, bare = match.groups()
        value = quoted if bare is None else bare
        if operator == "=":
            conditions.append(f"CAST({_FIELDS[field]} AS TEXT) = ?")
        else:
            conditions.append(f"instr(CAST({_FIELDS[field]} AS TEXT), ?) > 0")
        arguments.append(value)
    return " AND ".join(conditions), arguments
