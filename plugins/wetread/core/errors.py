"""Wetread's errors: two families, one stable code each.

WetreadError
├── PermanentError   trying again cannot help
└── RetriableError   Airflow tries again with backoff

The codes and what to do about them stand in ``errors.toml``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from traceback import extract_tb
from types import MappingProxyType

RETRIABLE_HTTP_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses worth another try (Cloud Healthcare API, "Request best practices")."""


class WetreadError(Exception):
    """Say what failed, for which object, and what to do next; never an identifier of a patient."""

    def __init__(self, code: str, detail: str) -> None:
        self.code = code
        self.detail = detail
        super().__init__(code, detail)

    def __str__(self) -> str:
        entry = catalogue()[self.code]
        return f"[{self.code}] {self.detail} Next: {entry.next}"


class PermanentError(WetreadError):
    """Trying again cannot help."""


class RetriableError(WetreadError):
    """Another try may succeed."""


@dataclass(frozen=True)
class ErrorEntry:
    """One row of ``errors.toml``."""

    code: str
    family: type[WetreadError]
    meaning: str
    next: str


_FAMILIES: Mapping[str, type[WetreadError]] = MappingProxyType(
    {"permanent": PermanentError, "retriable": RetriableError}
)


@cache
def catalogue() -> Mapping[str, ErrorEntry]:
    """Return every error by its code, in the order of the table."""
    table = tomllib.loads(files("wetread.core").joinpath("errors.toml").read_text("utf-8"))
    return MappingProxyType(
        {
            code: ErrorEntry(code, _FAMILIES[row["family"]], row["meaning"], row["next"])
            for code, row in table.items()
        }
    )


def problem(code: str, detail: str) -> WetreadError:
    """Build the error of ``code`` in its family; ``detail`` names the object by key and number.

    Raises
    ------
    KeyError
        The code is not in ``errors.toml``.
    """
    return catalogue()[code].family(code, detail)


def unforeseen(error: Exception) -> WetreadError:
    """Return what may be said of an exception that nobody foresaw: its kind, and where it was.

    Libraries quote what they choke on, and that may be a patient's name.
    """
    kind, last = type(error).__name__, extract_tb(error.__traceback__)[-1]
    function, line = last.name, last.lineno
    return problem("unexpected", f"{kind} in {function}, line {line}.")
