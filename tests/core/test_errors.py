"""Errors: one code each, used and explained, and texts that name nobody."""

from __future__ import annotations

import ast
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

import wetread
from wetread.core.errors import (
    RETRIABLE_HTTP_STATUS,
    PermanentError,
    RetriableError,
    WetreadError,
    catalogue,
    problem,
)

PACKAGE = Path(wetread.__file__).parent
CALLS_BY_VARIABLE = {"core/errors.py", "gcp/retries.py"}
"""Where a code may come from a variable: the catalogue itself, and the translation of failures."""

EVENTS_ALONE = "notifiers/failure_event.py"
"""Where a failure that was not raised by Wetread gets the code of its event."""

HARMLESS = {
    "self.study": "a study key and a version",
    "study": "a study key and a version",
    "study_key": "a study key",
    "findings.study_key": "a study key",
    "self.study_key": "a study key",
    "version": "a version",
    "self.version": "a study key and a version",
    "self.give_up_after": "a length of time",
    "number": "a version",
    "subject": "a study key or a role, by the rule of every client",
    "self.subject": "a study key or a role, by the rule of every client",
    "call": "an API method",
    "CALL": "an API method",
    "call_name": "an API method",
    "LIST_CALL": "an API method",
    "_STORE": "an API method",
    "PREDICT_CALL": "an API method",
    "display_name": "the name of a model's endpoint",
    "instances": "a count",
    "status": "an HTTP status",
    "response.status_code": "an HTTP status",
    "operation.error_code": "a code of google.rpc",
    "operation.failure": "a count",
    "error.reason": "a code of outcomes.toml",
    "resource_type": "a FHIR resource type",
    "event": "the name of an event",
    "analysis.name": "a row of the plan and an analysis",
    "keyword": "the name of a DICOM attribute",
    "element": "a path within a result",
    "rule": "the id of a rule of a result's format",
    "first['type']": "the kind of a schema violation",
    "name": "the name of a setting or of a bucket",
    "kinds[name].__name__": "the name of a type",
    "kind": "the name of a type, or what a result object is",
    "read.description": "our own words for how a model broke its contract",
    "wrong_weights": "a field of a table of weights, and what is wrong",
    "reason": "a code, or what Vertex AI says of a model that it cannot deploy",
    "what": "our own words for what is wrong with a store",
    "seconds": "a length of time",
    "type(error).__name__": "the name of a type",
    "fault_in_a_row": "a row and field of the analysis table, and what is wrong",
    "function": "the name of a function",
    "line": "the number of a line",
}
"""What a text may quote, and what it is."""


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Yield every ``problem(...)`` in the package with its file."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "problem":
                yield path.relative_to(PACKAGE).as_posix(), node


def codes_in(node: ast.AST) -> set[str]:
    return {
        part.value
        for part in ast.walk(node)
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    }


CALLS = list(calls())


def codes_used() -> set[str]:
    """Return the codes at the calls, and those named where a code comes from a variable."""
    used = {code for _, call in CALLS for code in codes_in(call.args[0])}
    for path in (*CALLS_BY_VARIABLE, EVENTS_ALONE):
        used |= codes_in(ast.parse((PACKAGE / path).read_text("utf-8"))) & set(catalogue())
    return used


def test_there_are_calls_to_look_at() -> None:
    assert len(CALLS) > 30


@pytest.mark.parametrize(
    ("path", "call"), CALLS, ids=[f"{path}:{call.lineno}" for path, call in CALLS]
)
def test_a_call_names_a_code_of_the_table_and_quotes_only_what_is_harmless(
    path: str, call: ast.Call
) -> None:
    code, detail = call.args
    if isinstance(code, ast.Constant):
        assert code.value in catalogue()
    else:
        assert path in CALLS_BY_VARIABLE, "a code is a constant, so that it can be found"
    quoted = {
        ast.unparse(part.value) for part in ast.walk(detail) if isinstance(part, ast.FormattedValue)
    }
    lengths = {name for name in quoted if name.startswith("len(")}
    assert quoted - lengths <= set(HARMLESS), "say in HARMLESS what this is, if it names nobody"
    assert isinstance(detail, ast.Constant | ast.JoinedStr)


def test_no_error_is_raised_around_the_table() -> None:
    classes = {"WetreadError", "PermanentError", "RetriableError"}
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
                assert ast.unparse(node.exc.func).rpartition(".")[2] not in classes, path


def test_every_code_of_the_table_is_used() -> None:
    assert set(catalogue()) - codes_used() == set()


@pytest.mark.parametrize("code", catalogue())
def test_an_error_says_what_failed_and_what_to_do(code: str) -> None:
    entry = catalogue()[code]
    error = problem(code, "Something of k1-x failed.")
    assert type(error) is entry.family
    assert str(error) == f"[{code}] Something of k1-x failed. Next: {entry.next}"
    for text in (entry.meaning, entry.next):
        assert text.endswith(".")
        assert text[0].isupper() or text.startswith("wetread_settings")


def test_a_code_that_is_not_in_the_table_is_a_mistake_in_the_code() -> None:
    with pytest.raises(KeyError):
        problem("something-else", "It failed.")


def test_the_two_families_are_apart() -> None:
    assert not issubclass(PermanentError, RetriableError)
    assert not issubclass(RetriableError, PermanentError)
    assert issubclass(PermanentError, WetreadError)
    assert issubclass(RetriableError, WetreadError)


def test_an_error_survives_the_way_from_a_process_to_another() -> None:
    error = problem("claim-missing", "there is no claim of k1-x.")
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - made one line above
    assert (type(copy), copy.code, str(copy)) == (type(error), error.code, str(error))


@pytest.mark.rule(
    "retries.statuses",
    "https://cloud.google.com/healthcare-api/docs/best-practices-data-throughput",
)
def test_the_statuses_worth_another_try() -> None:
    assert {408, 425, 429, 500, 502, 503, 504} == RETRIABLE_HTTP_STATUS
