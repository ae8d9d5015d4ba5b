"""What keeps the text of an error that nobody foresaw out of Airflow's logs and database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from traceback import extract_tb

from airflow.sdk.exceptions import AirflowException

from wetread.core.errors import WetreadError, problem


@contextmanager
def discreet() -> Iterator[None]:
    """Replace a foreign exception by one that says what kind it was and where; use as a decorator.

    Libraries quote what they choke on, and that may be a patient's name.

    Raises
    ------
    RetriableError
        ``unexpected``.
    """
    try:
        yield
    except (WetreadError, AirflowException):
        raise
    except Exception as error:
        kind, last = type(error).__name__, extract_tb(error.__traceback__)[-1]
        function, line = last.name, last.lineno
        raise problem("unexpected", f"{kind} in {function}, line {line}.") from None
