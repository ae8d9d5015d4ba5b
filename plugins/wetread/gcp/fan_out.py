"""One stream of work for several consumers, each at its own pace and within bounds."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

_HELD_PER_CONSUMER = 16
"""Items that wait for a consumer: the slowest one holds the stream back, and memory stays small."""


@dataclass(frozen=True)
class _Broken:
    """The stream's own error, which every consumer meets in the place of the next item."""

    error: BaseException


class _End:
    """Says that the stream is over."""


class _Consumer(Generic[_Item, _Result]):
    """A consumer in a thread of its own; after its end it throws away what still comes."""

    def __init__(self, consume: Callable[[Iterator[_Item]], _Result]) -> None:
        self._waiting: queue.Queue[_Item | _Broken | _End] = queue.Queue(_HELD_PER_CONSUMER)
        self._consume = consume
        self._results: list[_Result] = []
        self._error: BaseException | None = None
        self.has_ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def put(self, item: _Item | _Broken | _End) -> None:
        self._waiting.put(item)

    def join(self) -> None:
        self._thread.join()

    def result(self) -> _Result:
        """Return what the consumer made, or raise what it raised."""
        if self._error is not None:
            raise self._error
        return self._results[0]

    def _run(self) -> None:
        items = self._items()
        try:
            self._results.append(self._consume(items))
        except BaseException as error:
            self._error = error
        finally:
            self.has_ended.set()
            for _ in self._rest():
                pass

    def _items(self) -> Iterator[_Item]:
        while True:
            item = self._waiting.get()
            if isinstance(item, _End | _Broken):
                self._waiting.put(_End())
                if isinstance(item, _Broken):
                    raise item.error
                return
            yield item

    def _rest(self) -> Iterator[object]:
        while not isinstance(item := self._waiting.get(), _End | _Broken):
            yield item


def fan_out(
    items: Iterable[_Item], consumers: Sequence[Callable[[Iterator[_Item]], _Result]]
) -> list[_Result]:
    """Give every item to every consumer, and return what each made of them, in order.

    The stream ends early when no consumer goes on. An error of the stream is raised in each of
    them, which may make a result of it. One that raises anything leaves the others alone: it is
    raised when all have ended.
    """
    running = [_Consumer[_Item, _Result](consume) for consume in consumers]
    last: _Broken | _End = _End()
    try:
        for item in items:
            if all(consumer.has_ended.is_set() for consumer in running):
                break
            for consumer in running:
                consumer.put(item)
    except Exception as error:
        last = _Broken(error)
    except BaseException as error:
        last = _Broken(error)
        raise
    finally:
        for consumer in running:
            consumer.put(last)
    for consumer in running:
        consumer.join()
    return [consumer.result() for consumer in running]
