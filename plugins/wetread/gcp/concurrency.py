"""Work that overlaps with the arrival of more work, within bounds."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

_HELD_PER_WORKER = 2
"""One item in work and one waiting or done: enough to keep a worker busy, whatever the memory."""


def ahead(
    workers: int, work: Callable[[_Item], _Result], items: Iterable[_Item]
) -> Iterator[_Result]:
    """Yield the result of each item in order, while workers are busy with the next ones.

    Unlike ``Executor.map`` it takes an item only when there is room, so that a long iterable is
    never held as a whole. An exception of ``work`` is raised in its item's place.
    """
    pending: deque[Future[_Result]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                pending.append(pool.submit(work, item))
                if len(pending) == _HELD_PER_WORKER * workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
