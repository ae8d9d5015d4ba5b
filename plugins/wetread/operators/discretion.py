"""What keeps the text of an error that nobody foresaw out of Airflow's logs and database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow.sdk.exceptions import AirflowException

from wetread.core.errors import WetreadError, unforeseen


@contextmanager
def discreet() -> Iterator[None]:
    """Replace a foreign exception by one that says what kind it was and where; use as a decorator.

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
        raise unforeseen(error) from None
